"""One comparison by pairs, step by step: a bucket nominates pairs, each is verified in full, all are settled together.

A round is five steps, and what goes from one to the next goes by the exchange:

    nominate   a piece         keys of its documents, to buckets (again: of those whose fate is open)
    pair       a bucket        pairs of documents that share a key, to the member's piece
    ask        that piece      the pairs to verify, with the features of the member's text, to the partner's piece
    verify     that piece      similarities, to one task
    settle     all pairs       what became of each member, to its piece: its mark, and whether it is nominated again

Every round settles all pairs that were verified so far, so that no mark hangs on a partner that went later. The one task
holds some 150 bytes a verified pair; whoever was never paired is not in it.

A rule of this shape has `nominate_again`, `pair`, `choose`, `features`, `verify`, `threshold` and `rounds` beside `nominate`
and `settle` (comparisons/near.py says what each gives). Whoever is better is the partner.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.schemas import ID, MARKS
from pipeline.steps import compare
from pipeline.steps.compare import PIECE, Sent, Slices, buckets, from_piece, met, split_by, to_buckets
from pipeline.steps.judge import piece_view
from pipeline.steps.placed import PlacedStage
from pipeline.steps.texts import texts
from pipeline.steps.work import Corpus, Home, Work

ALL = "all"  # the one target of verified pairs
TRIED = pa.list_(ID)
FATES = pa.schema(
    [*MARKS, pa.field("tried", TRIED), pa.field("unsettled", pa.int32()), pa.field("again", pa.bool_())]
)
COUNTS = ("members", "verified", "removed", "unsettled")


def by_pairs(stage: PlacedStage) -> bool:
    """Whether a comparison is of this shape."""
    return hasattr(stage.rule, "pair")


def nominate_again(piece: str, slices: Slices, work: Work, stage: PlacedStage, corpus: Corpus) -> Sent:
    """(bucket, rows) for the documents of a piece whose fate is open, each with those that it was `tried` with."""
    fates = pa.Table.from_batches(list(slices), FATES)
    undecided = tables.as_batch(fates.filter(fates["again"]))
    if undecided.num_rows:
        home = Home(piece)
        view = piece_view(work, home, corpus)
        mask = pc.is_in(view.documents["id"], undecided["id"])
        rows = stage.rule.nominate_again(view.seen(stage).filter(mask))
        tried = undecided["tried"].take(pc.index_in(rows["id"], undecided["id"]))
        yield from to_buckets(rows.append_column("tried", tried), home, buckets(work, stage, corpus))


def pair(_bucket: str, slices: Slices, _work: Work, stage: PlacedStage, _corpus: Corpus) -> Sent:
    """(piece of the member, pairs) of one bucket."""
    rows, piece, names = met(slices)
    members, partners = stage.rule.pair(rows, tried_in(rows))
    kept = [name for name in rows.schema.names if name not in ("key", "tried")]
    columns = {name: rows[name].take(pa.array(members)) for name in kept}
    columns |= {f"partner_{name}": rows[name].take(pa.array(partners)) for name in kept}
    homes = pa.array([bytes.fromhex(name) for name in names], ID)
    columns["partner_home"] = homes.take(pa.array(piece[partners]))
    pairs = pa.RecordBatch.from_pydict(columns)
    yield from ((names[int(index)], part) for index, part in split_by(pairs, piece[members]))


def tried_in(rows: pa.RecordBatch) -> pa.ListArray:
    """With whom each row was compared before; nobody, in the first round."""
    if "tried" in rows.schema.names:
        return rows["tried"]
    none = pa.array(np.zeros(rows.num_rows + 1, np.int32))
    return pa.ListArray.from_arrays(none, pa.array([], ID), type=TRIED)


def ask(piece: str, slices: Slices, work: Work, stage: PlacedStage, corpus: Corpus) -> Sent:
    """(piece of the partner, pairs with the features of their members)."""
    pairs = tables.as_batch(pa.Table.from_batches(list(slices)))
    pairs = pairs.take(pa.array(stage.rule.choose(pairs)))
    for ids, features in features_of(piece, work, stage, corpus, pairs["id"]):
        at = pc.index_in(pairs["id"], ids)
        mine = pairs.filter(at.is_valid())
        asked = mine.append_column("features", features.take(at.drop_null()))
        homes = pc.dictionary_encode(mine["partner_home"])
        for index, part in split_by(from_piece(asked, piece), np.asarray(homes.indices)):
            yield homes.dictionary[int(index)].as_py().hex(), part


def features_of(
    piece: str, work: Work, stage: PlacedStage, corpus: Corpus, ids: pa.Array
) -> Iterator[tuple[pa.Array, pa.Array]]:
    """(ids, features of their texts) for some documents of a piece, as the editors before the stage leave them."""
    view = piece_view(work, Home(piece), corpus)
    asked = np.asarray(pc.is_in(view.documents["id"], ids))
    for batch in texts(Home(piece), work, asked, view.cuts(stage.edits), ("id", "text")):
        yield batch["id"], stage.rule.features(batch["text"])


def verify(piece: str, slices: Slices, work: Work, stage: PlacedStage, corpus: Corpus) -> Sent:
    """The pairs of a piece's documents with all who ask for them, each with its similarity."""
    partners = pc.unique(pa.chunked_array([pc.unique(asked["partner_id"]) for asked in slices], ID))
    found = list(features_of(piece, work, stage, corpus, partners))
    ids, features = (pa.concat_arrays(part) for part in zip(*found, strict=True))
    for asked in slices:
        other = np.asarray(pc.index_in(asked["partner_id"], ids))
        similarity = pa.array(stage.rule.verify(asked["features"], features, other))
        pairs = asked.drop_columns(["features", "partner_home"]).append_column("similarity", similarity)
        yield ALL, from_piece(pairs, asked.schema.metadata[PIECE].decode())


def settle(_all: str, slices: Slices, _work: Work, stage: PlacedStage, _corpus: Corpus) -> Sent:
    """(piece, fates of its members), from all pairs that were verified."""
    pairs, piece, names = met(slices)
    marks = stage.rule.settle(pairs)
    order = pc.sort_indices(pairs["id"])
    ids = pairs["id"].take(order)
    starts = np.flatnonzero(np.r_[True, np.asarray(pc.not_equal(ids[1:], ids[:-1]))])
    members = ids.take(pa.array(starts))
    marked = marks.take(pc.index_in(members, marks["id"]))
    over = pairs["similarity"].take(order).to_numpy() >= stage.rule.threshold
    unsettled = np.where(np.asarray(marked["id"].is_null()), np.add.reduceat(over, starts, dtype=np.int32), 0)
    offsets = pa.array(np.r_[starts, len(ids)].astype(np.int32))
    tried = pa.ListArray.from_arrays(offsets, pairs["partner_id"].take(order), type=TRIED)
    again = still_open(members, marked["survivor"])
    columns = [members, *marked.columns[1:], tried, pa.array(unsettled.astype(np.int32)), again]
    fates = pa.RecordBatch.from_arrays(columns, schema=FATES)
    home = piece[np.asarray(order)[starts]]
    yield from ((names[int(index)], part) for index, part in split_by(fates, home))


def still_open(members: pa.Array, survivors: pa.Array) -> pa.BooleanArray:
    """Who is to be nominated again: whoever stays beside a better document, and whoever goes for one that may yet go itself."""
    return pc.or_(pc.is_null(survivors), pc.is_in(survivors, members))


def publish(piece: str, slices: Slices, work: Work, stage: PlacedStage, corpus: Corpus) -> dict[str, Any]:
    """{file, digest, counts} of the marks of one piece, in the order of ids; file "" where there is none."""
    fates = pa.Table.from_batches(list(slices), FATES)
    marks = fates.filter(pc.is_valid(fates["survivor"])).select(MARKS.names).cast(MARKS)
    pairs, unsettled = (
        pc.sum(one).as_py() for one in (pc.list_value_length(fates["tried"]), fates["unsettled"])
    )
    counts = dict(zip(COUNTS, (fates.num_rows, pairs, marks.num_rows, unsettled), strict=True))
    if not marks.num_rows:
        return {"file": "", "digest": "", "counts": counts}
    name, digest = compare.publish(piece, marks.to_batches(), work, stage, corpus)
    return {"file": name, "digest": digest, "counts": counts}


def close(
    published: Iterable[dict[str, Any]], work: Work, stage: PlacedStage, corpus: Corpus
) -> receipts.Receipt:
    """The receipt, with the counts of all pieces: members that were paired, pairs verified, documents removed, and pairs
    unsettled: over the threshold, although their member stays, because their partner went by another.
    """
    every = list(published)
    counts = {name: sum(one["counts"][name] for one in every) for name in COUNTS}
    files = [(one["file"], one["digest"]) for one in every if one["file"]]
    return compare.close(files, work, stage, corpus, counts)
