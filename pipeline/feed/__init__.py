"""Shards → trainer: `Feed` gives batches for one rank, `packs` the packs one by one; `feed.dataset` is for torch."""

from pipeline.feed.packs import Pack, Span, packs
from pipeline.feed.stream import Batch, Feed, Share

__all__ = ["Batch", "Feed", "Pack", "Share", "Span", "packs"]
