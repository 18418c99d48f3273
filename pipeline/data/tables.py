"""Parquet as every file of a run is written: zstd, page checksums, row groups of at most 16 MiB of text."""

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.data import receipts
from pipeline.data.store import Store

BATCH_BYTES = 16 << 20  # of text in one row group, which is also one batch in memory
BATCH_ROWS = 62_500


class TableWriter:
    """One Parquet file, row group by row group, under a temporary name until `publish`."""

    def __init__(self, store: Store, schema: pa.Schema) -> None:
        self.store, self.schema, self.rows = store, schema, 0
        self.path = store.temporary()
        self.writer = pq.ParquetWriter(self.path, schema, **options(schema))

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Append the rows as one row group."""
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        self.writer.write_table(table.cast(self.schema), row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    def publish(self, name: str) -> str:
        """Close the file and give it its name; the digest of what has the name afterwards."""
        self.writer.close()
        return receipts.publish_file(self.store, self.path, name)

    def discard(self) -> None:
        """Close the file and forget it."""
        self.writer.close()
        os.unlink(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.writer.close()


def options(schema: pa.Schema) -> dict[str, Any]:
    few = [field.name for field in schema if field.name in FEW_VALUES]
    return {
        "compression": "zstd",
        "write_page_checksum": True,
        "use_dictionary": few,
        "write_statistics": ["id"],
    }


FEW_VALUES = ("source", "stage", "reason", "file", "detail")  # columns where a dictionary pays


def write(store: Store, table: pa.Table | pa.RecordBatch, name: str) -> str:
    """Publish one table as one file; see `TableWriter.publish`."""
    with TableWriter(store, table.schema) as writer:
        for batch in table.to_batches() if isinstance(table, pa.Table) else [table]:
            writer.write(batch)
        return writer.publish(name)


def create(store: Store, table: pa.Table, name: str) -> bool:
    """Publish one table as one file; False if the name was taken, whatever has it."""
    with TableWriter(store, table.schema) as writer:
        writer.write(table)
    return store.publish(writer.path, name)


def read(store: Store, name: str, columns: list[str] | None = None) -> pa.Table:
    """A published table, its page checksums verified; OSError names the file when it is damaged."""
    try:
        return open_table(store, name).read(columns=columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise OSError(f"{name}: {error}; run with --repair makes it anew") from error


def batches(store: Store, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """A published table, one row group at a time."""
    file = open_table(store, name)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=columns)
        yield as_batch(table)


def open_table(store: Store, name: str) -> pq.ParquetFile:
    return pq.ParquetFile(store.open(name), page_checksum_verification=True)


def kept(rows: pa.RecordBatch, mask: pa.BooleanArray) -> pa.RecordBatch:
    """The rows where the mask is true; the batch itself where it is true throughout, which a filter would copy."""
    return rows if pc.all(mask, skip_nulls=False).as_py() else rows.filter(mask)


def as_batch(table: pa.Table) -> pa.RecordBatch:
    """The table as one batch, empty ones too."""
    combined = table.combine_chunks().to_batches()
    if len(combined) > 1:
        raise ValueError(f"a table of {table.nbytes} bytes does not fit one batch")
    return combined[0] if combined else pa.RecordBatch.from_pylist([], schema=table.schema)
