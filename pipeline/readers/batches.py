"""Rows gathered into batches: the one place where a reader's findings become Arrow."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.data.ids import file_digest, make_ids
from pipeline.data.schemas import DIGEST, QUARANTINE
from pipeline.data.tables import BATCH_BYTES, BATCH_ROWS
from pipeline.readers.shape import EXCERPT_BYTES, EXCERPT_CHARACTERS, Extent, Read, Reading, Refused

Row = tuple[Any, ...]  # digest, url, date, text, parts, media, parents, extra, then the chosen columns


class Batch:
    """Documents and quarantine rows of one extent, in the order of their positions, until `take` empties it."""

    def __init__(self, extent: Extent, reading: Reading) -> None:
        self.reading, self.schema = reading, reading.schema
        self.address = file_digest(reading.name, extent.relative)
        self.file = extent.relative.encode("utf-8", "backslashreplace").decode()
        self.clear()

    def clear(self) -> None:
        self.rows: list[Row] = []
        self.positions: list[int] = []
        self.refused: list[Row] = []  # position, reason, detail, excerpt
        self.held = self.size = self.replaced = 0
        self.passed_over: Counter[str] = Counter()

    def full(self, size: int) -> bool:
        """Whether a record of `size` raw bytes, which are never fewer than those of its text, must wait for the next batch."""
        return self.held > 0 and (self.held >= BATCH_ROWS or self.size + size > BATCH_BYTES)

    def add(self, position: int, row: Row, size: int) -> None:
        self.rows.append(row)
        self.positions.append(position)
        self.size += size
        self.held += 1

    def refuse(self, position: int, refused: Refused, beginning: bytes) -> None:
        self.refused.append((position, refused.reason, refused.detail, excerpt(beginning)))
        self.held += 1

    def pass_over(self, kind: str) -> None:
        """Count a record that is no document by its type."""
        self.passed_over[kind] += 1

    def take(self) -> Read:
        """All rows so far, as one part of the extent."""
        records = self.held + self.passed_over.total()
        read = Read(self.documents(), self.quarantine(), records, self.replaced, dict(self.passed_over))
        self.clear()
        return read

    def whole(self, first: int, digests: bytes, columns: Sequence[pa.Array]) -> Read:
        """Documents that were admitted together, at `first` and the positions after it; nothing else is held."""
        count = len(columns[0])
        documents = self.placed(np.arange(first, first + count, dtype=np.uint64), digests, columns)
        return Read(documents, self.quarantine(), count, 0)

    def documents(self) -> pa.RecordBatch:
        columns = list(zip(*self.rows, strict=True)) or [()] * (len(self.schema) - 2)
        others = [*self.arrays(columns[1:3], 3), strings(columns[3]), *self.arrays(columns[4:], 6)]
        return self.placed(np.array(self.positions, np.uint64), b"".join(columns[0]), others)

    def placed(self, positions: np.ndarray, digests: bytes, columns: Sequence[pa.Array]) -> pa.RecordBatch:
        """Documents at these places; `columns` are those of the schema from url on."""
        arrays = [
            make_ids(self.address, positions),
            pa.repeat(self.reading.source, len(positions)),
            pa.Array.from_buffers(DIGEST, len(positions), [None, pa.py_buffer(digests)]),
            *columns,
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def arrays(self, columns: Sequence[Sequence[Any]], first: int) -> list[pa.Array]:
        """Columns that stand in the schema from `first` on."""
        kinds = self.schema.types[first : first + len(columns)]
        return [
            pa.nulls(len(values), kind) if values.count(None) == len(values) else pa.array(values, kind)
            for values, kind in zip(columns, kinds, strict=True)
        ]

    def quarantine(self) -> pa.RecordBatch:
        columns = list(zip(*self.refused, strict=True)) or [()] * 4
        arrays = [
            make_ids(self.address, np.array(columns[0], np.uint64)),
            pa.repeat(self.file, len(self.refused)),
            *(pa.array(values, kind) for values, kind in zip(columns, QUARANTINE.types[2:], strict=True)),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=QUARANTINE)


def strings(texts: Sequence[bytes]) -> pa.Array:
    """string[n] of texts that are known to be UTF-8, which Arrow would check again."""
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return pa.Array.from_buffers(
        pa.string(), len(texts), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    )


def excerpt(beginning: bytes) -> str:
    return beginning[:EXCERPT_BYTES].decode("utf-8", "replace")[:EXCERPT_CHARACTERS]
