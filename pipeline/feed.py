"""Shards → trainer: the packs of a manifest, one by one, with the spans that a trainer masks by."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.ship import manifest as manifests


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
    """Every pack, in the order of the manifest. ValueError names a shard whose tokens are not of the manifest's type."""
    manifest = manifests.read(folder)
    wanted = (manifest["tokens"]["dtype"], manifest["tokens"]["pack_tokens"])
    for shard in manifest["shards"]:
        file = pq.ParquetFile(os.path.join(folder, shard["path"]), page_checksum_verification=True)
        kind = file.schema_arrow.field("tokens").type
        if (str(kind.value_type), kind.list_size) != wanted:
            found = f"{kind.list_size} tokens of {kind.value_type}, the manifest says {wanted[1]} of {wanted[0]}"
            raise ValueError(f"{shard['path']}: packs have {found}; `winnow manifest verify` tells what changed")
        for batch in file.iter_batches(1024):
            yield from unpack(batch)


def unpack(batch: Any) -> Iterator[Pack]:
    tokens = np.asarray(batch["tokens"].flatten()).reshape(batch.num_rows, -1)
    for row, spans in zip(tokens, batch["spans"].to_pylist(), strict=True):
        yield Pack(row, tuple(Span(**span) for span in spans))
