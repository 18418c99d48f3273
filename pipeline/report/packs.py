"""Packs: how full they are, how many documents share one, how many documents were cut, and whose tokens they hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc

from pipeline import charts, page
from pipeline.data import tables
from pipeline.ledger import Run
from pipeline.report.duplicates import doubling
from pipeline.report.seen import LARGEST

FILLS = (0, 50, 80, 90, 95, 99, 100)  # percent, where bins begin; the last is full to the last token


@dataclass
class Packs:
    """Sums over the spans of all shards."""

    fill: np.ndarray = field(default_factory=lambda: np.zeros(len(FILLS), np.int64))
    documents: dict[int, int] = field(default_factory=dict)  # packs by the number of documents in them

    def add(self, counts: np.ndarray, tokens: np.ndarray, length: int) -> None:
        """One batch of packs: spans and tokens of each."""
        bins = np.searchsorted(np.array(FILLS) * length, tokens * 100, side="right") - 1
        self.fill += np.bincount(bins, minlength=len(FILLS))
        for count, packs in zip(*np.unique(counts, return_counts=True), strict=True):
            self.documents[int(count)] = self.documents.get(int(count), 0) + int(packs)


def gather(run: Run) -> Packs:
    """From the spans alone: tokens are not decoded."""
    found = Packs()
    for counts, tokens in spans(run):
        found.add(counts, tokens, run.work.pack.length)
    return found


def spans(run: Run) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(spans, tokens in spans) of the packs of each row group."""
    for shard in run.manifest["shards"]:
        if not run.store.exists(shard["path"]):
            continue
        columns = ["spans.list.element.start", "spans.list.element.stop"]
        for batch in tables.batches(run.store, shard["path"], columns):
            lists = batch["spans"]
            counts = np.asarray(pc.list_value_length(lists))
            flat = lists.flatten()
            sizes = np.asarray(flat.field("stop")) - np.asarray(flat.field("start"))
            pack = np.repeat(np.arange(len(counts)), counts)
            yield counts, np.bincount(pack, sizes, len(counts)).astype(np.int64)


def section(run: Run, found: Packs, shown: int = LARGEST) -> page.Section:
    facts = run.manifest["totals"]
    room = facts["packs"] * run.work.pack.length
    told = [
        (charts.brief(facts["packs"]), f"packs of {run.work.pack.length:,} tokens"),
        (charts.share(facts["tokens"], room), "filled"),
        (charts.brief(facts["packs"] - facts["least_packs"]), "packs more than the fewest possible"),
        (charts.brief(facts["cut_documents"]), f"of {charts.brief(facts['documents'])} documents cut"),
        (
            charts.share(facts["long_tokens"], facts["tokens"]),
            "of the tokens in documents of half a pack or more",
        ),
        (f"{len(run.manifest['shards']):,}", f"shards, {charts.brief(facts['bytes'])}B"),
    ]
    if not facts["packs"]:
        return page.Section("Packs", [page.text("Nothing ships.", "warning")])
    return page.Section("Packs", [
        page.facts(told),
        page.heading("Fill", "packs-fill"),
        page.figure(charts.bars(fills(found), "Packs by how full they are", "packs")),
        page.heading("Documents in a pack", "packs-documents"),
        page.figure(charts.bars(sharing(found), "Packs by how many documents they hold", "packs")),
        page.heading("Tokens by source", "packs-sources"),
        *by_source(facts["tokens_by_source"], shown),
    ])  # fmt: skip


def fills(found: Packs) -> list[dict[str, object]]:
    names = [*(f"{low}–{high} %" for low, high in pairwise(FILLS)), "to the last token"]
    return [{"name": name, "after": int(packs)} for name, packs in zip(names, found.fill, strict=True)]


def sharing(found: Packs) -> list[dict[str, object]]:
    ones = [{"name": "1", "after": found.documents[1]}] if 1 in found.documents else []
    several = {count: packs for count, packs in found.documents.items() if count > 1}
    return [*ones, *({"name": name, "after": packs} for name, packs in doubling(several).items())] if several else ones  # fmt: skip


def by_source(tokens: dict[str, int], shown: int) -> list[str]:
    ordered = sorted(tokens.items(), key=lambda one: -one[1])
    rows = ordered[:shown]
    if rest := ordered[shown:]:
        rows.append((f"{len(rest):,} {charts.OTHER}", sum(count for _, count in rest)))
    whole = sum(tokens.values())
    drawn = [{"name": name, "after": count / (whole or 1)} for name, count in rows]
    cells = [[name, page.count(count), page.percent(count, whole)] for name, count in rows]
    return [
        page.figure(charts.bars(drawn, "Tokens in packs by source", "share of tokens", percent=True)),
        page.table(("source", "tokens in packs", "of all"), cells),
    ]
