"""Batches: every token of an epoch exactly once, whatever shares it, wherever it is stopped; the same on every run."""

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.feed import Batch, Feed, Share, packs
from pipeline.feed.stream import ahead
from pipeline.ship import segments, shards
from pipeline.ship.tokenize import Tokenizer
from tests.feed.conftest import LENGTH, POOLS
from tests.ship.made import folder, rows

Place = tuple[int, ...]


def feeds(folder: str, batch: int, world: int, **options: int) -> list[Feed]:
    return [Feed(folder, batch, share=Share(rank, world), **options) for rank in range(world)]


def places(batch: Batch) -> list[Place]:
    """(epoch, shard, pack) of all packs but those of padding alone."""
    return [tuple(one) for one in batch.place.tolist() if one[0] >= 0]


def step(ranks: list[Batch]) -> list[Place]:
    """What all ranks have in a step, in the order of the row."""
    return [place for same in zip_longest(*map(places, ranks)) for place in same if place is not None]


def documents(batches: list[Batch]) -> Counter[tuple[int, int, int, int]]:
    """How often each token of each copy came: (number of the document, copy, place in it, token)."""
    return Counter(
        (int.from_bytes(span["id"], "big"), span["copy"], span["at"] + at, token)
        for batch in batches
        for tokens, spans in zip(batch.tokens.tolist(), batch.spans.to_pylist(), strict=True)
        for span in spans
        for at, token in enumerate(tokens[span["start"] : span["stop"]])
    )


EVERY_TOKEN = Counter(
    (number, copy, at, token)
    for pool in POOLS
    for number, copy, text in pool
    for at, token in enumerate(text)
)


@pytest.mark.parametrize(("world", "batch", "lanes"), [(1, 5, 16), (3, 4, 2), (4, 1, 1), (2, 100, 8)])
def test_every_token_of_an_epoch_comes_exactly_once_over_all_ranks(fed, world, batch, lanes):
    ranks = [list(feed) for feed in feeds(fed, batch, world, epochs=1, lanes=lanes)]
    assert len({len(rank) for rank in ranks}) == 1
    assert documents([one for rank in ranks for one in rank]) == EVERY_TOKEN


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(0, 12)), max_size=3),
    st.integers(0, 5),
    st.integers(1, 20),
)
def test_stopped_anywhere_and_resumed_on_any_world_each_pack_still_comes_once(fed, legs, seed, lanes):
    """Legs: (world, batch, steps until it is stopped); the last one goes to the end of the second epoch."""
    options = {"seed": seed, "lanes": lanes, "epochs": 2, "prefetch": 1}
    state, seen = Feed(fed, 1, **options).state_dict(), []
    for world, batch, steps in [*legs, (2, 7, 10**6)]:
        ranks = feeds(fed, batch, world, **options)
        for feed in ranks:
            feed.load_state_dict(json.loads(json.dumps(state)))
        for came in islice(zip(*ranks, strict=True), steps):
            seen += step(list(came))
        (state,) = {json.dumps(feed.state_dict()): feed.state_dict() for feed in ranks}.values()
    whole = [place for one in Feed(fed, 3, **options) for place in places(one)]
    assert seen == whole
    assert Counter(place[1:] for place in whole) == dict.fromkeys((place[1:] for place in whole), 2)


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_in_turn_give_the_batches_of_one(fed: str, workers: int):
    one = [batch.place.tolist() for batch in Feed(fed, 4, share=Share(1, 2), epochs=1)]
    several = [
        [batch.place.tolist() for batch in Feed(fed, 4, share=Share(1, 2, worker, workers), epochs=1)]
        for worker in range(workers)
    ]
    assert [batch for turn in zip_longest(*several) for batch in turn if batch is not None] == one


@pytest.mark.parametrize("prefetch", [0, 1, 9])
def test_the_same_batches_on_every_run_whatever_is_made_ahead(fed: str, prefetch: int):
    one, other = Feed(fed, 3, seed=5, epochs=2), Feed(fed, 3, seed=5, epochs=2, prefetch=prefetch)
    for left, right in zip(one, other, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left[:4], right[:4], strict=True))
        assert left.spans.equals(right.spans)
        assert left.consumed == right.consumed


def test_a_batch_holds_the_packs_that_it_names_with_their_masks(fed: str):
    listed = list(packs(fed))
    sizes = [one["packs"] for one in json.loads((Path(fed) / "manifest.json").read_text())["shards"]]
    first = np.cumsum(sizes) - sizes
    for batch in Feed(fed, 6, epochs=1):
        masks = segments.masks(batch.spans, LENGTH)
        assert all(np.array_equal(a, b) for a, b in zip(batch[1:4], masks, strict=True))
        for (epoch, shard, row), tokens, spans in zip(
            batch.place.tolist(), batch.tokens, batch.spans.to_pylist(), strict=True
        ):
            if epoch < 0:
                continue
            pack = listed[first[shard] + row]
            assert tokens.tolist() == pack.tokens.tolist()
            assert [span["id"] for span in spans] == [span.id for span in pack.spans]


def test_the_last_step_is_filled_up_with_padding_that_teaches_nothing(fed: str, encoder: Tokenizer):
    count = len(list(packs(fed)))
    ranks = [list(feed)[-1] for feed in feeds(fed, count - 3, 2, epochs=1)]
    assert [one.tokens.shape for one in ranks] == [(count - 3, LENGTH)] * 2
    filler = [one.place[:, 0] < 0 for one in ranks]
    assert sum(map(np.sum, filler)) == 2 * (count - 3) - count
    for one, empty in zip(ranks, filler, strict=True):
        assert not one.loss[empty].any()
        assert not one.segments[empty].any()
        assert set(one.tokens[empty].reshape(-1).tolist()) == {encoder.token_id("<|pad|>")}
        assert one.consumed == count


def test_boundaries_are_where_segments_begin(fed: str):
    batch = next(iter(Feed(fed, 3)))
    flat = (batch.segments + 1000 * np.arange(3)[:, None]).reshape(-1)
    changes = np.flatnonzero(np.diff(flat, prepend=-1))
    assert batch.boundaries().tolist() == [*changes.tolist(), 3 * LENGTH]


def test_the_places_of_a_step_are_told_without_reading_a_shard(fed: str, tmp_path: Path):
    shutil.copy(f"{fed}/manifest.json", tmp_path)
    told = Feed(str(tmp_path), 3, seed=2, share=Share(1, 2), epochs=2, lanes=4)
    for step, batch in enumerate(Feed(fed, 3, seed=2, share=Share(1, 2), epochs=2, lanes=4)):
        assert told.places(step).tolist() == batch.place.tolist()


def test_epochs_follow_each_other_without_end_and_differ(fed: str):
    count = len(list(packs(fed)))
    found = [place for batch in islice(Feed(fed, count), 3) for place in places(batch)]
    epochs = [[place[1:] for place in found if place[0] == epoch] for epoch in range(3)]
    assert len({tuple(sorted(one)) for one in epochs}) == 1
    assert len({tuple(one) for one in epochs}) == 3


def test_the_state_follows_what_was_handed_out_not_what_was_made_ahead(fed: str):
    feed = Feed(fed, 2, share=Share(0, 3), prefetch=5)
    for number, batch in enumerate(islice(feed, 4), 1):
        assert feed.state_dict()["consumed"] == batch.consumed == 6 * number
        assert feed.state_at(batch.consumed) == feed.state_dict()


@pytest.mark.parametrize(
    ("other", "said"), [({"seed": 1}, "seed 0, here it is 1"), ({"lanes": 3}, "lanes 16")]
)
def test_a_state_of_another_order_is_refused_with_the_cure(fed: str, other: dict[str, int], said: str):
    with pytest.raises(ValueError, match=f"{said}.*take the same"):
        Feed(fed, 2, **other).load_state_dict(Feed(fed, 2).state_dict())


def test_a_state_of_other_shards_is_refused(fed: str, tmp_path: Path, encoder: Tokenizer):
    folder(tmp_path, encoder, [rows(POOLS[0])], LENGTH)
    with pytest.raises(ValueError, match="the state was made with shards"):
        Feed(fed, 2).load_state_dict(Feed(str(tmp_path), 2).state_dict())


def test_row_groups_of_a_large_shard_are_read_one_by_one(tmp_path: Path, encoder: Tokenizer):
    """Packs of 1 MiB: 16 of them are a row group."""
    length, count = 1 << 19, 19
    whole = [(number, 0, [number + 2] * length) for number in range(count)]
    folder(tmp_path, encoder, [rows(whole)], length)
    (shard,) = (tmp_path / "shards").iterdir()
    kind = pa.list_(pa.uint16(), length)
    assert [group.num_rows for group in shards.groups(str(shard), kind)] == [16, 3]
    written = shards.read(str(shard))["tokens"].combine_chunks().flatten().to_numpy()[::length]
    seen = {}
    for batch in Feed(str(tmp_path), 1, epochs=1, lanes=2, prefetch=1):
        seen[batch.place[0, 2].item()] = batch.tokens[0, 0].item()
    assert [seen[row] for row in range(count)] == written.tolist()


@pytest.mark.parametrize("damage", ["missing", "flipped", "short"])
def test_a_shard_that_is_not_as_it_should_be_is_an_error_that_names_it(
    tmp_path: Path, encoder: Tokenizer, damage: str
):
    folder(tmp_path, encoder, map(rows, POOLS[:2]), LENGTH)
    path = tmp_path / "shards" / "00001.parquet"
    data = bytearray(path.read_bytes())
    if damage == "short":
        shards.write(shards.read(str(path)).slice(1), str(path))
    else:
        data[len(data) // 3] ^= 1
        path.unlink()
        if damage == "flipped":
            path.write_bytes(data)
    with pytest.raises((OSError, ValueError), match=r"00001\.parquet: .*`winnow manifest verify`"):
        list(Feed(str(tmp_path), 4, epochs=1))


def test_a_folder_without_packs_has_nothing_to_feed(tmp_path: Path, encoder: Tokenizer):
    folder(tmp_path, encoder, [], LENGTH)
    with pytest.raises(ValueError, match="names no packs"):
        Feed(str(tmp_path), 1)


@pytest.mark.parametrize("share", [(2, 2), (-1, 1), (0, 1, 3, 3)])
def test_a_share_that_is_none_is_refused(share: tuple[int, ...]):
    with pytest.raises(ValueError, match="count from 0"):
        Share(*share)


def test_an_error_ahead_comes_at_its_place_and_no_thread_is_left_behind():
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("third")

    before, came = threading.active_count(), []
    with pytest.raises(OSError, match="third"):
        came.extend(ahead(items(), 5))
    assert came == [1, 2]
    left = ahead(iter(range(100)), 3)
    assert next(left) == 0
    left.close()
    assert threading.active_count() == before
