"""One shard: the packs of one pool as a Parquet file whose bytes depend on the packs alone."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data import objects

GROUP_BYTES = 16 << 20  # of tokens in one row group
CURE = "`winnow manifest verify` tells all that is wrong in this folder"


def write(packs: pa.Table, path: str) -> None:
    """zstd, page checksums, row groups of about 16 MiB."""
    group = group_packs(packs.schema.field("tokens").type)
    pq.write_table(
        packs, path, compression="zstd", write_page_checksum=True, use_dictionary=False, row_group_size=group
    )


def group_packs(kind: pa.DataType) -> int:
    """How many packs a row group holds, all but the last of a shard. `kind`: the type of the column of tokens."""
    return max(1, GROUP_BYTES // (kind.list_size * kind.value_type.bit_width // 8))


def kind_of(tokens: Mapping[str, Any]) -> pa.DataType:
    """The type of the column of tokens, by what the manifest says of tokens."""
    return pa.list_(pa.type_for_alias(tokens["dtype"]), tokens["pack_tokens"])


def read(path: str, columns: list[str] | None = None) -> pa.Table:
    """A whole file, its page checksums verified; OSError names it when it is damaged or missing."""
    try:
        return open_shard(path).read(columns)
    except (OSError, pa.ArrowException) as error:
        raise OSError(f"{path}: {error}") from error


def open_shard(path: str) -> pq.ParquetFile:
    """For reading row group by row group, page checksums verified; of an object only what is asked for is fetched."""
    source = objects.open_file(path) if objects.remote(path) else path
    return pq.ParquetFile(source, page_checksum_verification=True)


def groups(path: str, kind: pa.DataType, wanted: list[int] | None = None) -> Iterator[pa.Table]:
    """A shard, one row group at a time: all of them, or those whose numbers are `wanted`.

    ValueError when its tokens are not of type `kind`, or its row groups not of the size that we write, OSError when it is
    missing or damaged; each names the shard and the cure.
    """
    try:
        file = open_shard(path)
        found = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)).get("tokens")
        if found != kind:
            raise ValueError(f"{path}: its tokens are {found}, the manifest says {kind}; {CURE}")
        if file.num_row_groups > 1 and file.metadata.row_group(0).num_rows != group_packs(kind):
            raise ValueError(f"{path}: its row groups do not hold {group_packs(kind):,} packs; pack again")
        for group in range(file.num_row_groups) if wanted is None else wanted:
            yield file.read_row_group(group)
    except (OSError, pa.ArrowException) as error:
        raise OSError(f"{path}: {error}; {CURE}") from error


def sha256(path: str) -> str:
    """64 hex digits of a file's bytes."""
    with open(path, "rb") as file:
        return sha256_from(file)


def sha256_from(file: Any) -> str:
    """As `sha256`, of an open file."""
    state = hashlib.sha256()
    while block := file.read(4 << 20):
        state.update(block)
    return state.hexdigest()
