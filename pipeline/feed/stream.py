"""Shards → batches for one rank: shuffled across shards, the same on every run, resumable on another number of ranks.

The packs of all epochs stand in one endless row (`feed.order`). A step takes the next world × batch of them; rank r of w takes
every w-th. So what a step holds does not depend on the number of ranks that share it, all that is ever consumed is a
prefix of the row, and its length is the whole state.
"""

import hashlib
import math
import os
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from pipeline.data import schemas
from pipeline.feed.order import Order
from pipeline.ship import manifest as manifests
from pipeline.ship import shards
from pipeline.ship.segments import masks, matrix

T = TypeVar("T")
State = dict[str, Any]
NOWHERE = -1


class Batch(NamedTuple):
    """Packs of one rank in one step; the arrays are row for row beside `tokens`.

    Where the last epoch ends within a step, packs of padding alone fill it up: `place` is -1, and nothing of them counts
    as loss.
    """

    tokens: np.ndarray  # uint16 or uint32 [batch, length]
    segments: np.ndarray  # int32 [batch, length], see `ship.segments`; 0 is padding
    positions: np.ndarray  # int32 [batch, length], from 0 on in each segment
    loss: np.ndarray  # bool [batch, length]: what counts as a target
    spans: pa.ListArray  # list<SPAN> [batch]: the documents
    place: np.ndarray  # int64 [batch, 3]: epoch, shard in the manifest's order, pack in the shard
    consumed: (
        int  # packs that all ranks have after this step, since the first epoch's first: see `Feed.state_at`
    )

    def boundaries(self) -> np.ndarray:
        """int32[segments + 1]: where segments, padding too, begin in the flattened batch: FlashAttention's cu_seqlens."""
        starts = np.flatnonzero(self.positions.reshape(-1) == 0)
        return np.append(starts, self.positions.size).astype(np.int32)


@dataclass(frozen=True)
class Share:
    """Which part of every step is read here: rank of `world`; and of a rank's steps, every `workers`-th."""

    rank: int = 0
    world: int = 1
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.world and 0 <= self.worker < self.workers):
            raise ValueError(
                f"rank {self.rank} of {self.world}, worker {self.worker} of {self.workers}: count from 0"
            )


@dataclass
class Feed:
    """Batches of `batch` packs from a folder with a manifest, for `epochs` epochs or without end.

    `lanes`: how many row groups of 16 MiB are read side by side, all ranks together; a multiple of the number of ranks
    lets each read only its own part. `prefetch`: batches made ahead in a thread. All ranks take equal arguments but `share`.
    """

    folder: str
    batch: int
    seed: int = 0
    share: Share = Share()
    epochs: int | None = None
    lanes: int = 16
    prefetch: int = 4
    consumed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"batch {self.batch} must be 1 or more")
        if not self.order.packs:
            raise ValueError(f"{self.folder}: its manifest names no packs, there is nothing to feed")

    @cached_property
    def shards(self) -> "Shards":
        return Shards.of(self.folder)

    @cached_property
    def order(self) -> Order:
        return Order(self.shards.sizes, self.seed, self.lanes)

    def __iter__(self) -> Iterator[Batch]:
        """From where the state is on; the state follows what was handed out, not what was made ahead."""
        for batch in ahead(self.batches(), self.prefetch):
            self.consumed = batch.consumed
            yield batch

    def batches(self) -> Iterator[Batch]:
        """What `__iter__` gives, made when asked for."""
        share, end = self.share, self.end
        reader = Reader(self.shards, 1 + self.lanes // math.gcd(self.lanes, share.world))
        step = self.batch * share.world
        base = self.consumed + share.worker * step
        while end is None or base < end:
            after = base + step if end is None else min(base + step, end)
            yield reader.batch(self.order, self.positions(base), end, after)
            base += step * share.workers

    def places(self, step: int) -> np.ndarray:
        """`Batch.place` of a step, counted from 0 at the beginning of the feed; no shard is opened."""
        positions = self.positions(step * self.batch * self.share.world)
        return self.shards.places(self.order, positions, self.end).place

    def positions(self, base: int) -> np.ndarray:
        """int64[batch]: where in the row of epochs the packs of this rank stand, in the step that begins at `base`."""
        return base + self.share.rank + self.share.world * np.arange(self.batch)

    @property
    def end(self) -> int | None:
        """How long the row is; None: without end."""
        return None if self.epochs is None else self.epochs * self.order.packs

    def state_dict(self) -> State:
        """What another process needs to go on, on any number of ranks and with any batch size."""
        return self.state_at(self.consumed)

    def state_at(self, consumed: int) -> State:
        """The state after the batch that says so: the one to save where `torch` workers read ahead."""
        return {
            "shards": self.shards.digest,
            "seed": self.seed,
            "lanes": self.lanes,
            "consumed": int(consumed),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there. ValueError when the state is of other shards or of another order."""
        mine = self.state_dict()
        for name in ("shards", "seed", "lanes"):
            if state[name] != mine[name]:
                raise ValueError(
                    f"{self.folder}: the state was made with {name} {state[name]!r}, here it is {mine[name]!r}; "
                    f"a feed goes on only where it stopped: take the same {name}"
                )
        self.consumed = int(state["consumed"])


@dataclass(frozen=True)
class Shards:
    """Where the row groups of a folder's shards lie."""

    paths: tuple[str, ...]
    kind: pa.DataType
    pad: int
    sizes: np.ndarray  # int64[groups]: packs in each row group
    shard: np.ndarray  # int64[groups]
    group: np.ndarray  # int64[groups]: its number in the shard
    digest: str  # of the shards' own

    @classmethod
    def of(cls, folder: str) -> "Shards":
        """By the manifest alone."""
        manifest = manifests.read(folder)
        kind, listed = shards.kind_of(manifest["tokens"]), manifest["shards"]
        full = shards.group_packs(kind)
        counts = [-(-one["packs"] // full) for one in listed]
        sizes = [min(full, one["packs"] - first) for one in listed for first in range(0, one["packs"], full)]
        shard = np.repeat(np.arange(len(listed)), counts)
        group = np.arange(len(sizes)) - np.repeat(np.cumsum(counts) - counts, counts).astype(np.int64)
        names = "".join(one["sha256"] for one in listed)
        return cls(
            tuple(os.path.join(folder, one["path"]) for one in listed),
            kind,
            manifest["tokens"]["pad_token"]["id"],
            np.array(sizes, np.int64),
            shard,
            group,
            hashlib.blake2b(names.encode(), digest_size=16).hexdigest(),
        )

    def places(self, order: Order, positions: np.ndarray, end: int | None) -> "Places":
        """Where the packs at these positions of the row lie; those from `end` on are padding."""
        real = len(positions) if end is None else int(np.searchsorted(positions, end))
        groups, rows = order.places(positions[:real])
        place = np.full((len(positions), 3), NOWHERE, np.int64)
        place[:real, 0] = positions[:real] // order.packs
        place[:real, 1] = self.shard[groups]
        place[:real, 2] = self.group[groups] * shards.group_packs(self.kind) + rows
        return Places(groups, rows, place)


class Places(NamedTuple):
    """int64 each: row group and row of the packs that are no padding, and `Batch.place`."""

    groups: np.ndarray
    rows: np.ndarray
    place: np.ndarray


@dataclass
class Reader:
    """Row groups as they are needed; the last `kept` of them stay decoded, about 16 MiB of tokens each."""

    shards: Shards
    kept: int
    held: OrderedDict[int, tuple[np.ndarray, pa.ListArray]] = field(default_factory=OrderedDict)

    def batch(self, order: Order, positions: np.ndarray, end: int | None, consumed: int) -> Batch:
        """The packs at these positions of the row; padding for those from `end` on."""
        kind = self.shards.kind
        groups, rows, place = self.shards.places(order, positions, end)
        real = len(groups)
        tokens = np.full((len(positions), kind.list_size), self.shards.pad, str(kind.value_type))
        parts, came = [], []
        for group in dict.fromkeys(groups.tolist()):
            of = np.flatnonzero(groups == group)
            have, spans = self.group(group)
            tokens[of] = have[rows[of]]
            parts.append(spans.take(pa.array(rows[of])))
            came.append(of)
        empty = pa.array([[]] * (len(positions) - real), pa.list_(schemas.SPAN))
        back = np.argsort(np.concatenate([*came, np.arange(real, len(positions))]))
        spans = pa.concat_arrays([*parts, empty]).take(pa.array(back))
        return Batch(tokens, *masks(spans, kind.list_size), spans, place, consumed)

    def group(self, number: int) -> tuple[np.ndarray, pa.ListArray]:
        """(tokens [packs, length], spans) of a row group. OSError or ValueError names a shard that is not as it should be."""
        if number not in self.held:
            path = self.shards.paths[self.shards.shard[number]]
            wanted = int(self.shards.group[number])
            (table,) = shards.groups(path, self.shards.kind, [wanted])
            if table.num_rows != self.shards.sizes[number]:
                raise ValueError(
                    f"{path}: row group {wanted} holds {table.num_rows:,} packs, the manifest says "
                    f"{self.shards.sizes[number]:,}; {shards.CURE}"
                )
            self.held[number] = matrix(table["tokens"]), table["spans"].combine_chunks()
            if len(self.held) > self.kept:
                self.held.popitem(last=False)
        self.held.move_to_end(number)
        return self.held[number]


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The same items, up to `count` of them made ahead in a thread; an error comes where its item would have come."""
    end = object()
    pool = ThreadPoolExecutor(1)
    try:
        waiting = deque(pool.submit(next, items, end) for _ in range(max(1, count)))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, items, end))
            yield item  # type: ignore[misc]  # mypy does not know that `end` is no item
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
