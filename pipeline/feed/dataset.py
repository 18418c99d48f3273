"""The feed as a torch dataset, and nothing else: import this only where torch is installed.

    feed = Feed("out", batch=8, seed=1, share=Share(rank, world))
    loader = DataLoader(PackDataset(feed), batch_size=None, num_workers=2)
    for step in loader:
        ...
    saved = feed.state_at(step["consumed"])

Any number of workers gives the same batches in the same order; the last batch that was used says what to save.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from pipeline.feed.stream import Batch, Feed


class PackDataset(IterableDataset):
    """Dictionaries of tensors, one a step; a DataLoader takes them with `batch_size=None`."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        if worker is None:
            return map(tensors, self.feed)
        share = replace(self.feed.share, worker=worker.id, workers=worker.num_workers)
        feed = replace(self.feed, share=share)
        feed.load_state_dict(self.feed.state_dict())
        return map(tensors, feed)

    def state_dict(self) -> dict[str, Any]:
        """Without workers: after the last batch. With workers the feed of this process has not moved; see the module."""
        return self.feed.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.feed.load_state_dict(state)


def tensors(batch: Batch) -> dict[str, Any]:
    """int64 tokens and positions, as embeddings take them; int32 segments and boundaries, bool loss."""
    return {
        "tokens": torch.from_numpy(batch.tokens.astype("int64")),
        "positions": torch.from_numpy(batch.positions.astype("int64")),
        "segments": torch.from_numpy(batch.segments),
        "loss": torch.from_numpy(batch.loss),
        "boundaries": torch.from_numpy(batch.boundaries()),
        "place": torch.from_numpy(batch.place),
        "consumed": batch.consumed,
    }
