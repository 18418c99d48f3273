"""Shards → trainer: the packs of a manifest, one by one, with the spans that a trainer masks by."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.ship import manifest as manifests
from pipeline.ship import shards

CURE = "`winnow manifest verify` tells all that is wrong in this folder"


@dataclass(frozen=True)
class Span:
    """Tokens [start, stop) of a pack: a copy of one document, from its token `at` on."""

    id: bytes
    source: str
    copy: int
    start: int
    stop: int
    at: int


@dataclass(frozen=True)
class Pack:
    tokens: np.ndarray  # uint16 or uint32, of the manifest's length
    spans: tuple[Span, ...]


def packs(folder: str) -> Iterator[Pack]:
    """Every pack, in the order of the manifest.

    ValueError names a shard whose tokens are not of the manifest's type and length, OSError one that is missing or
    damaged.
    """
    manifest = manifests.read(folder)
    wanted = pa.list_(pa.type_for_alias(manifest["tokens"]["dtype"]), manifest["tokens"]["pack_tokens"])
    for shard in manifest["shards"]:
        for batch in batches(os.path.join(folder, shard["path"]), wanted):
            yield from unpack(batch)


def batches(path: str, wanted: pa.DataType) -> Iterator[pa.Table]:
    """A shard, one row group at a time; `wanted`: the type of its tokens."""
    try:
        file = shards.open_shard(path)
        found = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)).get("tokens")
        if found != wanted:
            raise ValueError(f"{path}: its tokens are {found}, the manifest says {wanted}; {CURE}")
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)
    except (OSError, pa.ArrowException) as error:
        raise OSError(f"{path}: {error}; {CURE}") from error


def unpack(batch: pa.Table) -> Iterator[Pack]:
    """The packs of a row group; the tokens are views into it."""
    tokens = np.asarray(batch["tokens"].combine_chunks().flatten()).reshape(batch.num_rows, -1)
    for row, spans in zip(tokens, batch["spans"].to_pylist(), strict=True):
        yield Pack(row, tuple(Span(**span) for span in spans))
