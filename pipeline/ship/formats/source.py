"""What all formats are written from: the packs of a folder, a row group at a time, with their masks."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.ship import manifest as manifests
from pipeline.ship import shards
from pipeline.ship.segments import masks, matrix

ARRAYS = ("tokens", "segments", "loss")


class Packs(NamedTuple):
    """Some packs: three arrays [packs, length], and list<SPAN>[packs]."""

    tokens: np.ndarray  # uint16 or uint32
    segments: np.ndarray  # uint16, or uint32 where a pack could hold more documents
    loss: np.ndarray  # bool
    spans: pa.ListArray


@dataclass(frozen=True)
class Source:
    """A folder with a manifest."""

    folder: str
    paths: tuple[str, ...]  # of the shards, below it
    kind: pa.DataType  # of the column of tokens
    count: int  # packs

    @classmethod
    def of(cls, folder: str) -> "Source":
        """ValueError where there is no manifest."""
        manifest = manifests.read(folder)
        paths = tuple(one["path"] for one in manifest["shards"])
        return cls(folder, paths, shards.kind_of(manifest["tokens"]), manifest["totals"]["packs"])

    @property
    def length(self) -> int:
        return int(self.kind.list_size)

    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """Of the three arrays."""
        segments = np.uint16 if self.length < 1 << 16 else np.uint32
        return {
            "tokens": np.dtype(str(self.kind.value_type)),
            "segments": np.dtype(segments),
            "loss": np.dtype(bool),
        }

    def packs(self) -> Iterator[Packs]:
        """All packs in the manifest's order."""
        return (packs for path in self.paths for packs in self.shard(path))

    def shard(self, path: str) -> Iterator[Packs]:
        """The packs of one shard."""
        for group in shards.groups(os.path.join(self.folder, path), self.kind):
            spans = group["spans"].combine_chunks()
            segments, _, loss = masks(spans, self.length)
            yield Packs(matrix(group["tokens"]), segments.astype(self.dtypes()["segments"]), loss, spans)


def listed(spans: pa.ListArray) -> list[list[dict[str, Any]]]:
    """The spans of packs for JSON: ids as hex digits."""
    return [[{**span, "id": span["id"].hex()} for span in pack] for pack in spans.to_pylist()]
