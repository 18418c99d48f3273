"""The packs of a manifest, one by one, in its order, with the spans that a trainer masks by: for looking, not for speed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.ship import manifest as manifests
from pipeline.ship import shards


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
    kind = shards.kind_of(manifest["tokens"])
    for shard in manifest["shards"]:
        for group in shards.groups(os.path.join(folder, shard["path"]), kind):
            yield from unpack(group)


def unpack(group: pa.Table) -> Iterator[Pack]:
    """The packs of a row group; the tokens are views into it."""
    tokens = np.asarray(group["tokens"].combine_chunks().flatten()).reshape(group.num_rows, -1)
    for row, spans in zip(tokens, group["spans"].to_pylist(), strict=True):
        yield Pack(row, tuple(Span(**span) for span in spans))
