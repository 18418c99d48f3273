"""The books of a finished run: its documents, decisions and counts, read from what it wrote."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline import recipe as recipes
from pipeline.data import receipts, tables
from pipeline.data.objects import store_at
from pipeline.data.store import Store
from pipeline.readers import Reading
from pipeline.rules.sample import Mixed, Realised, Sample
from pipeline.run.driver import MANIFEST, SetupError, known_pieces, place_stages
from pipeline.steps.decide import KEPT, decisions_of
from pipeline.steps.ingest import receipt_of
from pipeline.steps.judge import read_statistics
from pipeline.steps.plan import Plan
from pipeline.steps.taken import STAGE
from pipeline.steps.work import Corpus, Pack, Piece, Work


class LedgerError(RuntimeError):
    """A folder without books that can be read: the message says why, and the cure."""


@dataclass(frozen=True)
class Run:
    """A finished run, opened for reading."""

    manifest: Mapping[str, Any]
    recipe: recipes.Recipe
    work: Work
    planned: Plan
    pieces: tuple[Piece, ...]
    corpus: Corpus

    @property
    def store(self) -> Store:
        return self.work.store

    def decisions(self, piece: Piece, columns: list[str] | None = None) -> pa.Table:
        """DECISIONS of one piece."""
        return tables.read(self.store, f"{decisions_of(self.work, piece, self.corpus)}.parquet", columns)

    def quarantine(self) -> Iterator[tuple[str, pa.Table]]:
        """(input, QUARANTINE rows) of each file of them."""
        for split in self.planned.splits:
            for one in receipts.get(self.store, receipt_of(split)).facts["quarantine"]:
                yield split.input, tables.read(self.store, f"quarantine/{one['name']}.parquet")


def open_run(folder: str) -> Run:
    """The run whose manifest lies in a folder."""
    store = store_at(folder)
    if not store.exists(MANIFEST):
        there = os.path.isdir(folder) or store.top()
        what = "no manifest: the run was not finished; run it again" if there else "no such folder"
        raise LedgerError(f"{folder}: {what}")
    manifest = json.loads(store.read(MANIFEST))
    facts = manifest["run"]
    try:
        recipe = recipes.parse(manifest["recipe"], os.path.join(folder, facts["beside"], MANIFEST))
    except recipes.RecipeError as error:
        raise LedgerError(f"{error}\nput the folder of your own stages on PYTHONPATH") from error
    readings = {
        name: Reading(**{**one, "columns": tuple(map(tuple, one["columns"]))})
        for name, one in facts["readings"].items()
    }
    beside = os.path.join(folder, facts["beside"]) if facts["beside"] else ""
    try:
        placed = place_stages(recipe, readings, beside)
    except SetupError as error:
        raise LedgerError(f"{error}\nput back what the run read") from error
    work = Work(store, readings, placed, Pack(**facts["pack"]), taken=facts.get("taken", ""))
    planned = Plan.loads(store.read(facts["plan"]))
    pieces = known_pieces(work, planned)
    if pieces is None:
        raise LedgerError(f"{folder}: a receipt that the manifest stands on is missing; run it again")
    return Run(manifest, recipe, work, planned, tuple(pieces), Corpus.of(pieces))


# The funnel


@dataclass(frozen=True)
class Count:
    """Documents, characters and tokens that one reason took from one source; tokens of the dropped are estimated."""

    source: str
    stage: str
    reason: str
    documents: int = 0
    characters: int = 0
    cut: int = 0
    put: int = 0
    tokens: int = 0
    spans: int = 0  # documents × copies
    shipped: int = 0  # tokens × copies

    def plus(self, other: "Count") -> "Count":
        """The sum, under this one's names."""
        names = ("documents", "characters", "cut", "put", "tokens", "spans", "shipped")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True)
class Funnel:
    """Counts by (source, stage, reason), what each stage alone would drop, and what was quarantined, by reason."""

    stages: tuple[str, ...]
    counts: tuple[Count, ...]
    alone: Mapping[str, tuple[int, int]]  # documents, characters
    quarantined: Mapping[tuple[str, str], int]  # (input, reason)
    passed_over: Mapping[
        tuple[str, str], int
    ]  # (input, type): records that are no documents by their type, and files

    @property
    def kept(self) -> list[Count]:
        return [one for one in self.counts if one.stage == KEPT]

    def dropped(self, stage: str) -> list[Count]:
        """What one stage took, by source and reason."""
        return [one for one in self.counts if one.stage == stage]

    def tokens_a_character(self) -> dict[str, float]:
        """By source, from the kept: what the tokens of the dropped are estimated with."""
        everything = sum((one.tokens for one in self.kept), 0) / max(
            1, sum(one.characters for one in self.kept)
        )
        rates = dict.fromkeys({one.source for one in self.counts}, everything)
        kept: dict[str, Count] = {}
        for one in self.kept:
            kept[one.source] = one if one.source not in kept else kept[one.source].plus(one)
        return rates | {source: one.tokens / one.characters for source, one in kept.items() if one.characters}


def total(counts: list[Count]) -> Count:
    """The sum of counts, whatever they are of."""
    result = Count("", "", "")
    for one in counts:
        result = result.plus(one)
    return result


def funnel(run: Run) -> Funnel:
    """From the receipts of the decisions; `winnow account` is what recounts them."""
    counts: dict[tuple[str, str, str], Count] = {}
    alone: dict[str, tuple[int, int]] = {}
    for piece in run.pieces:
        facts = receipts.get(run.store, decisions_of(run.work, piece, run.corpus)).facts
        for row in facts["counts"]:
            one = Count(*row)
            key = (one.source, one.stage, one.reason)
            counts[key] = one if key not in counts else counts[key].plus(one)
        for stage, (documents, characters) in facts["alone"].items():
            held = alone.get(stage, (0, 0))
            alone[stage] = (held[0] + documents, held[1] + characters)
    stages = tuple(stage.name for stage in run.work.placed.stages) + ((STAGE,) if run.work.taken else ())
    ordered = tuple(counts[key] for key in sorted(counts))
    return Funnel(stages, ordered, alone, quarantined(run), passed_over(run))


def groups(run: Run) -> "Groups | None":
    """What the sample stage made of each group's tokens; None where there is no such stage, or one of another make."""
    sample = run.work.placed.sample
    if sample is None or not isinstance(sample.rule, Sample):
        return None
    (table,) = read_statistics(run.work, sample, run.corpus)
    mixed = sample.rule.mixed(table) if sample.rule.mixture else None
    return Groups(sample.rule, tuple(sample.rule.realised(table)), mixed)


@dataclass(frozen=True)
class Groups:
    """A sample stage's groups; `mixed`: how far the mixture goes, where one was given."""

    rule: Sample
    realised: tuple[Realised, ...]
    mixed: Mixed | None

    def said(self) -> str:
        """One sentence on what bounds the tokens of a mixture; empty without one."""
        if self.mixed is None:
            return ""
        total = sum(one.shipped for one in self.realised)
        apart = max((abs(one.share - one.planned) for one in self.realised if one.planned), default=0.0)
        held = f"shares within {100 * apart:.2f} percentage points of the mixture"
        if not self.mixed.binds:
            return f"{total:,} of {self.mixed.budget:,} tokens ship; {held}"
        names = ", ".join(self.mixed.binds)
        return (
            f"{total:,} of {self.mixed.budget:,} tokens ship, {held}: there is no more of {names} at max_epochs "
            f"{self.rule.max_epochs:g}; bring more of it, or raise max_epochs"
        )


def quarantined(run: Run) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for name, table in run.quarantine():
        for row in table.group_by("reason").aggregate([([], "count_all")]).to_pylist():
            found[name, row["reason"]] += row["count_all"]
    return dict(found)


def passed_over(run: Run) -> dict[tuple[str, str], int]:
    """By input and type: records, as their readers told them, and files of a kind that no reader takes."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for name, files in run.planned.passed_over.items():
        if files:
            found[name, "file of another kind"] = files
    for split in run.planned.splits:
        for row in receipts.get(run.store, receipt_of(split)).facts["extents"]:
            for kind, count in row["passed_over"].items():
                found[split.input, kind] += count
    return dict(found)


def summary(run: Run) -> str:
    """What came out, and how well it is packed."""
    facts = run.manifest["totals"]
    shards, length = len(run.manifest["shards"]), run.work.pack.length
    room = max(1, facts["packs"] * length)
    return (
        f"{facts['packs']:,} packs of {length:,} tokens in {shards:,} {'shard' if shards == 1 else 'shards'}: {run.store.root}\n"
        f"padding {100 * facts['padding'] / room:.2f} %, {-(-facts['tokens'] // length):,} packs at the least; "
        f"{facts['cut_documents']:,} of {facts['documents']:,} documents cut, into {facts['fragments']:,} fragments; "
        f"{100 * long_share(run):.1f} % of the tokens in documents of half a pack or more"
    )


def long_share(run: Run) -> float:
    """Of the tokens that ship, those of documents that fill half a pack or more."""
    facts = run.manifest["totals"]
    return float(facts["long_tokens"] / max(1, facts["tokens"]))
