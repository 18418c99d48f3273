"""`winnow takedown`: what holds some documents, and a run without them in which everything else keeps its bytes.

Taken down are the documents that are asked for, all others with the same text, and all that were made from any of them
(`parents`, at any remove). Verdicts, statistics, copies and pools stay as the manifest has them; only the spans go.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.keys import digest
from pipeline.ledger import LedgerError, Run
from pipeline.run.driver import Job, Settings, pack_of, packed, run_pipeline, run_planned
from pipeline.steps.plan import Plan
from pipeline.steps.shards import addresses
from pipeline.steps.taken import FOLDER, LIST, TAKEDOWN
from pipeline.steps.work import Piece

Asked = tuple[str, str]  # (kind, value), as in LIST
Walk = Callable[[Job, Plan], None]


@dataclass(frozen=True)
class Taken:
    """A document that goes, and why: asked for, of the same text as such a one, or made from one."""

    id: str
    source: str
    url: str | None
    why: str
    copies: int  # that ship now


@dataclass(frozen=True)
class Touched:
    """A shard that holds such documents: the packs that do, and their tokens; `after`: what stands in its place."""

    shard: str
    documents: int
    packs: tuple[int, ...]
    tokens: int
    after: str | None = None


@dataclass(frozen=True)
class Statement:
    """What a takedown does. `unknown`: what was asked for and is not there; it stays out if it ever comes."""

    asked: int
    unknown: tuple[Asked, ...]
    taken: tuple[Taken, ...]
    touched: tuple[Touched, ...]
    shards: int  # before, all of them
    untouched: int
    done: bool = False


@dataclass
class Wanted:
    """What is looked for, growing while documents are found."""

    ids: set[bytes]
    digests: set[bytes]
    urls: set[str]
    found: dict[bytes, Taken] = field(default_factory=dict)
    named: set[Asked] = field(default_factory=set)  # of what was asked, all that is there


# Finding


def state(run: Run, asked: Sequence[Asked]) -> tuple[Statement, pa.Table]:
    """(what a takedown would do, the list that does it). Nothing is written."""
    wanted = Wanted(
        {bytes.fromhex(value) for kind, value in asked if kind == "id"},
        {bytes.fromhex(value) for kind, value in asked if kind == "digest"},
        {value for kind, value in asked if kind == "url"},
    )
    while look(run, wanted):
        pass
    taken = tuple(sorted(wanted.found.values(), key=lambda one: one.id))
    touched = tuple(holding(run, taken))
    shards = len(run.manifest["shards"])
    unknown = tuple(one for one in asked if one not in wanted.named)
    statement = Statement(len(asked), unknown, taken, touched, shards, shards - len(touched))
    rows = {*asked, *(("id", one.id) for one in taken), *(("digest", one.hex()) for one in wanted.digests)}
    earlier = tables.read(run.store, run.work.taken).to_pylist() if run.work.taken else []
    rows |= {(row["kind"], row["value"]) for row in earlier}
    return statement, pa.table(list(map(list, zip(*sorted(rows), strict=True))), schema=LIST)


def look(run: Run, wanted: Wanted) -> bool:
    """One walk over all documents; whether it found more to look for, so that another walk is due."""
    before = len(wanted.ids), len(wanted.digests)
    for piece in run.pieces:
        look_in(run, piece, wanted)
    return before != (len(wanted.ids), len(wanted.digests))


def look_in(run: Run, piece: Piece, wanted: Wanted) -> None:
    rows = tables.as_batch(
        tables.read(run.store, piece.documents, ["id", "source", "digest", "url", "parents"])
    )
    ids, digests = (pa.array(sorted(values), pa.binary(16)) for values in (wanted.ids, wanted.digests))
    urls = pa.array(sorted(wanted.urls), pa.string())
    made = np.zeros(rows.num_rows, bool)
    made[parent_rows(rows["parents"], ids)] = True
    masks = [pc.is_in(rows["id"], ids), pc.is_in(rows["digest"], digests), pc.is_in(rows["url"], urls)]
    matched = np.flatnonzero(made | np.logical_or.reduce([np.asarray(mask) for mask in masks]))
    hits = [row for row in matched.tolist() if rows["id"][row].as_py() not in wanted.found]
    if not hits:
        return
    copies = run.decisions(piece, ["copies"])["copies"]
    for row, one in zip(hits, rows.take(pa.array(hits)).to_pylist(), strict=True):
        why = reason(one, wanted)
        wanted.found[one["id"]] = Taken(one["id"].hex(), one["source"], one["url"], why, copies[row].as_py())
        wanted.ids.add(one["id"])
        wanted.digests.add(one["digest"])


def parent_rows(parents: pa.ListArray, ids: pa.Array) -> np.ndarray:
    """The rows of which a parent is among `ids`."""
    row = np.asarray(pc.list_parent_indices(parents))
    return row[np.asarray(pc.is_in(parents.flatten().cast(ids.type), ids))]


def reason(one: Mapping[str, Any], wanted: Wanted) -> str:
    """Why a document goes; what names it is noted as found."""
    said = []
    for kind, held in (("id", wanted.ids), ("url", wanted.urls), ("digest", wanted.digests)):
        if one[kind] in held:
            value = one[kind] if kind == "url" else one[kind].hex()
            wanted.named.add((kind, value))
            said.append(f"{kind} {value}")
    return said[0] if said else f"made from {next(one for one in one['parents'] if one in wanted.ids).hex()}"


def holding(run: Run, taken: Sequence[Taken]) -> Iterator[Touched]:
    """The shards that hold such documents, in the manifest's order."""
    ships = [one for one in taken if one.copies]
    ids = pa.array([bytes.fromhex(one.id) for one in ships], pa.binary(16))
    copies = np.array([one.copies for one in ships], np.int64)
    _, _, pool = addresses(run.work.pack.seed, ids, copies, run.manifest["run"]["pools"])
    prefixes = tuple(f"shards/{one:05d}-" for one in sorted(set(pool.tolist())))
    for shard in run.manifest["shards"]:
        if prefixes and shard["path"].startswith(prefixes):
            yield spans_of(run, shard["path"], ids)


def spans_of(run: Run, shard: str, ids: pa.Array) -> Touched:
    lists = tables.as_batch(tables.read(run.store, shard, ["spans"]))["spans"]
    flat, pack = lists.flatten(), np.asarray(pc.list_parent_indices(lists))
    mine = np.asarray(pc.is_in(flat.field("id"), ids))
    size = np.asarray(flat.field("stop")) - np.asarray(flat.field("start"))
    documents = len(pc.unique(flat.field("id").filter(pa.array(mine))))
    return Touched(shard, documents, tuple(np.unique(pack[mine]).tolist()), int(size[mine].sum()))


# Doing


def take_down(
    run: Run,
    statement: Statement,
    listed: pa.Table,
    tokenizer: str,
    workers: int = 1,
    walk: Walk = run_pipeline,
) -> Statement:
    """Ship without them, and delete every shard that is not in the manifest any more. The folder must be locked.

    `walk`: as in `driver.run_planned`. LedgerError where `tokenizer` is not the run's.
    """
    name = publish_list(run, listed)
    pack = pack_of(replace(run.recipe.output, tokenizer=tokenizer))
    if pack.tokenizer_digest != run.work.pack.tokenizer_digest:
        raise LedgerError(f"{tokenizer}: is not the tokenizer of this run; name that one by --tokenizer")
    work = replace(run.work, pack=pack, taken=name, pools=run.manifest["run"]["pools"])
    settings = Settings(workers, limit=run.manifest["run"]["limit"], beside=beside(run))
    job = Job(run.recipe, work, {one.name: one.path for one in run.recipe.inputs}, settings)
    if not packed(work, run.planned):
        walk(job, run.planned)
    run.store.replace(json.dumps({"list": name}).encode(), TAKEDOWN)
    manifest = run_planned(job, run.planned, walk)
    sweep(run, {shard["path"] for shard in manifest["shards"]})
    stands = {shard["path"].partition("-")[0]: shard["path"] for shard in manifest["shards"]}
    touched = tuple(replace(one, after=stands.get(one.shard.partition("-")[0])) for one in statement.touched)
    return replace(statement, touched=touched, done=True)


def beside(run: Run) -> str:
    return (
        os.path.join(run.store.root, run.manifest["run"]["beside"]) if run.manifest["run"]["beside"] else ""
    )


def publish_list(run: Run, listed: pa.Table) -> str:
    name = f"{FOLDER}/{digest(listed.to_pylist())}.parquet"
    tables.write(run.store, listed, name)
    return name


def sweep(run: Run, current: set[str]) -> None:
    """Delete superseded shards, and the receipts that name them: any of them could hold what was taken down."""
    for name in list(run.store.list("shards")):
        if name not in current:
            run.store.delete(name)
    for folder in ("shards", "packs"):
        for name in list(run.store.list(f"{receipts.FOLDER}/{folder}")):
            of = name.removeprefix(f"{receipts.FOLDER}/").removesuffix(".json")
            if not set(receipts.get(run.store, of).files) <= current:
                run.store.delete(name)


def by_source(taken: Sequence[Taken]) -> dict[str, int]:
    """How many documents of each source go."""
    return dict(sorted(Counter(one.source for one in taken).items()))
