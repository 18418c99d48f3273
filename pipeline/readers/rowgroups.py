"""The row groups of a Parquet file → their rows as records, the text apart and the other fields as JSON. Runs in a helper."""

import base64
import io
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.readers.archives import FREE, RATIO
from pipeline.readers.frames import Frame
from pipeline.readers.helper import Ask
from pipeline.readers.shape import Refused

BATCH_BYTES, BATCH_ROWS = 8 << 20, 8192
DEEPEST = 32  # levels of a nested column
ROWS = pa.schema([("text", pa.large_binary()), ("fields", pa.large_binary())])
"""What goes to the reader: the text as it stands, null where there is none; the other fields as a JSON object, null for none."""


class Remote(io.RawIOBase):
    """A file of which every read is asked for."""

    def __init__(self, size: int, ask: Ask) -> None:
        super().__init__()
        self.size, self.ask, self.at = size, ask, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        wanted = max(0, self.size - self.at) if size < 0 else min(size, max(0, self.size - self.at))
        data = self.ask(self.at, wanted) if wanted else b""
        self.at += len(data)
        return data


def opened(job: Frame, ask: Ask) -> pq.ParquetFile:
    """Refused: broken_parquet."""
    try:
        return pq.ParquetFile(
            pa.PythonFile(Remote(job.head["size"], ask), mode="r"), page_checksum_verification=True
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused("broken_parquet", str(error)[:200]) from error


def outline(job: Frame, ask: Ask) -> Frame:
    """Head: groups, each its first byte in the file and its rows. Refused: broken_parquet, missing_text, text_not_string."""
    file = opened(job, ask)
    check_schema(file.schema_arrow, job.head["text"])
    found = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    groups = [(min(max(0, begin(one)), job.head["size"] - 1), one.num_rows) for one in found]
    if any(rows < 0 for _, rows in groups) or sum(rows for _, rows in groups) != file.metadata.num_rows:
        raise Refused("broken_parquet", "its row groups do not have the rows that it says")
    return Frame({"groups": groups})


def check_schema(schema: pa.Schema, text: str) -> None:
    double = [name for name, count in Counter(schema.names).items() if count > 1]
    if double:
        raise Refused("broken_parquet", f"two columns are named {double[0][:80]!r}")
    if text not in schema.names:
        raise Refused("missing_text", f"no column {text!r}; there are {', '.join(schema.names)[:400]}")
    if not is_text(schema.field(text).type):
        raise Refused("text_not_string", f"column {text!r} is {str(schema.field(text).type)[:80]}")
    for field in schema:
        if depth(field.type) > DEEPEST:
            raise Refused("broken_parquet", f"column {field.name[:80]!r} nests more than {DEEPEST} levels")


def is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null)  # fmt: skip
    return any(test(kind) for test in tests)


def depth(kind: pa.DataType) -> int:
    inner = [kind.field(index).type for index in range(kind.num_fields)]
    return 1 + max(map(depth, inner), default=0)


def begin(group: Any) -> int:
    """The first byte of a row group."""
    columns = [group.column(index) for index in range(group.num_columns)]
    offsets = [one.dictionary_page_offset if one.has_dictionary_page else one.data_page_offset for one in columns]  # fmt: skip
    return min((offset for offset in offsets if offset is not None), default=0)


def rows(job: Frame, ask: Ask) -> Iterator[Frame]:
    """The rows of one group, as Arrow IPC of ROWS, batch after batch. Refused: broken_parquet, decompression_bomb."""
    file = opened(job, ask)
    group = file.metadata.row_group(job.head["group"])
    check_sizes(group)
    size = min(BATCH_ROWS, max(1, BATCH_BYTES * max(1, group.num_rows) // max(1, group.total_byte_size)))
    given = 0
    try:
        for batch in file.iter_batches(size, row_groups=[job.head["group"]], use_threads=False):
            given += batch.num_rows
            names = [name for name in batch.schema.names if name != job.head["text"]]
            yield Frame({"fields": names}, encoded(records(batch, job.head["text"])))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused("broken_parquet", str(error)[:200]) from error
    if given != group.num_rows:
        raise Refused("broken_parquet", f"a row group of {group.num_rows:,} rows has {given:,}")


def check_sizes(group: Any) -> None:
    for index in range(group.num_columns):
        one = group.column(index)
        unpacked, packed = one.total_uncompressed_size, one.total_compressed_size
        if unpacked > FREE and unpacked > RATIO * packed:
            raise Refused("decompression_bomb", f"column {one.path_in_schema[:80]!r}: {unpacked:,} bytes of {packed:,}")  # fmt: skip


def records(batch: pa.RecordBatch, text: str) -> pa.RecordBatch:
    """ROWS of a batch."""
    column = batch.column(batch.schema.get_field_index(text))
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return pa.record_batch([pc.cast(column, pa.large_binary()), fields(batch, text)], schema=ROWS)


def fields(batch: pa.RecordBatch, text: str) -> pa.Array:
    """The other columns as JSON objects; NaN and infinity, which JSON has not, become null."""
    names = [name for name in batch.schema.names if name != text]
    if not names:
        return pa.nulls(batch.num_rows, pa.large_binary())
    columns = [plain(batch.column(name)) for name in names]
    made = [orjson.dumps(dict(zip(names, row, strict=True)), default=written) for row in zip(*columns, strict=True)]  # fmt: skip
    return pa.array(made, pa.large_binary())


def plain(column: pa.Array) -> list[Any]:
    """Python values; dates and times as Arrow writes them."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        try:
            column = pc.cast(column, pa.timestamp("us", kind.tz))
        except pa.ArrowInvalid:
            return pc.cast(column, pa.string()).to_pylist()
    elif pa.types.is_time(kind) or pa.types.is_duration(kind):
        return pc.cast(pc.cast(column, pa.int64()), pa.string()).to_pylist()
    return column.to_pylist()


def written(value: Any) -> Any:
    """What JSON has no type for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    raise TypeError(type(value).__name__)


def encoded(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()
