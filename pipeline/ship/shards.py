"""One shard: the packs of one pool as a Parquet file whose bytes depend on the packs alone."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

GROUP_BYTES = 16 << 20  # of tokens in one row group


def write(packs: pa.Table, path: str) -> None:
    """zstd, page checksums, row groups of about 16 MiB."""
    kind = packs.schema.field("tokens").type
    group = max(1, GROUP_BYTES // (kind.list_size * kind.value_type.bit_width // 8))
    pq.write_table(
        packs, path, compression="zstd", write_page_checksum=True, use_dictionary=False, row_group_size=group
    )


def read(path: str, columns: list[str] | None = None) -> pa.Table:
    """A whole file, its page checksums verified; OSError names it when it is damaged or missing."""
    try:
        return open_shard(path).read(columns)
    except (OSError, pa.ArrowException) as error:
        raise OSError(f"{path}: {error}") from error


def open_shard(path: str) -> pq.ParquetFile:
    """For reading row group by row group, page checksums verified."""
    return pq.ParquetFile(path, page_checksum_verification=True)


def sha256(path: str) -> str:
    """64 hex digits of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
