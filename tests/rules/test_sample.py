"""How often documents ship: the worked example, the targets, and a statistic that no order of merges changes."""

import pickle
from math import inf, nan
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import lock
from pipeline.kernels.hashing import mix
from pipeline.lock import Group, Lock
from pipeline.rules.sample import END, EXACT_ROWS, Sample, Share, TokensBy


def corpus(rows: list[tuple[str | None, int]]) -> pa.RecordBatch:
    """Documents with (source, tokens) and ids 0, 1, 2, …"""
    ids = pa.array([place.to_bytes(16, "big") for place in range(len(rows))], pa.binary(16))
    sources = pa.array([source for source, _ in rows], pa.string())
    tokens = pa.array([count for _, count in rows], pa.int32())
    return pa.RecordBatch.from_arrays([ids, sources, tokens], ["id", "source", "tokens"])


def large(rows: int, source: str = "web") -> pa.RecordBatch:
    words = np.zeros((rows, 2), ">u8")
    words[:, 1] = np.arange(rows)
    ids = pa.Array.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(words.tobytes())])
    tokens = pa.array((np.arange(rows) % 90 + 10).astype(np.int32))
    return pa.RecordBatch.from_arrays([ids, pa.array([source] * rows), tokens], ["id", "source", "tokens"])


rows = st.lists(st.tuples(st.sampled_from(["web", "代码", None]), st.integers(0, 100)), max_size=30)


def shipped(batch: pa.RecordBatch, sample: Sample, group: str | None) -> int:
    copies = sample.copies(batch, TokensBy(seed=sample.seed).partial(batch)).to_numpy()
    mine = np.array([source == group for source in batch["source"].to_pylist()], bool)
    return int((copies * batch["tokens"].to_numpy())[mine].sum())


def test_the_worked_example():
    table = pa.table(
        {"group": ["a"] * 4, "hash": [10, 20, 30, 40], "tokens": [5, 3, 4, 8], "documents": [1] * 4}
    )
    table = table.cast(TokensBy.columns)
    assert Sample({"a": 1.5}).resolve(table) == {"a": Share(1, 30)}
    assert Sample({"a": 2}).resolve(table) == {"a": Share(2, 0)}
    assert Sample({"a": 0.999}).resolve(table) == {"a": Share(0, END)}
    assert Sample({"none such": 0.5}).resolve(table) == {"none such": Share(0, END)}


@given(rows, st.floats(0, 4), st.integers(0, 9))
def test_what_ships_is_within_half_the_largest_document_of_the_target(drawn, epochs, seed):
    batch = corpus(drawn)
    mine = [tokens for source, tokens in drawn if source == "web"]
    target, half = epochs * sum(mine), max(mine, default=0) / 2
    assert abs(shipped(batch, Sample({"web": epochs}, seed=seed), "web") - target) <= half + 1e-6


@given(rows, st.integers(0, 3))
def test_whole_epochs_are_exact_and_other_groups_ship_once(drawn, epochs):
    batch = corpus(drawn)
    sample = Sample({"web": epochs})
    copies = sample.copies(batch, TokensBy().partial(batch))
    assert copies.type == pa.int32()
    assert copies.to_pylist() == [epochs if source == "web" else 1 for source, _ in drawn]


@given(rows, st.floats(0, 3), st.floats(0, 1))
def test_more_epochs_take_no_copy_away(drawn, epochs, more):
    batch = corpus(drawn)
    table = TokensBy().partial(batch)
    few, many = (Sample({"web": one}).copies(batch, table).to_numpy() for one in (epochs, epochs + more))
    assert (many >= few).all()


@given(rows, st.randoms(use_true_random=False), st.data())
def test_any_order_and_grouping_of_merges_gives_one_table(drawn, random, data):
    batch, statistic = corpus(drawn), TokensBy(seed=5)
    order = list(range(len(drawn)))
    random.shuffle(order)
    mixed = batch.take(pa.array(order, pa.int64()))
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(drawn))] * 2)))
    parts = [statistic.partial(part) for part in (mixed[:first], mixed[first:second], mixed[second:])]
    whole = statistic.partial(batch)
    assert statistic.merge(parts) == whole
    assert statistic.merge([statistic.merge(parts[1:]), parts[0]]) == whole
    assert whole.column("documents").to_numpy().sum() == len(drawn)


def test_a_large_group_has_a_row_for_each_of_65536_bins_however_it_was_merged():
    statistic, batch = TokensBy(), large(EXACT_ROWS + 20_000)
    whole = statistic.partial(batch)
    parts = [statistic.partial(batch[start : start + 30_000]) for start in range(0, batch.num_rows, 30_000)]
    assert whole.num_rows < EXACT_ROWS
    assert not (whole["hash"].to_numpy() & np.uint64((1 << 48) - 1)).any()
    assert statistic.merge([parts[2], statistic.merge(parts[:2])]) == whole == statistic.merge(parts)
    assert statistic.merge([whole, whole])["tokens"].to_numpy().sum() == 2 * whole["tokens"].to_numpy().sum()


def test_a_group_of_65536_documents_is_still_exact():
    assert TokensBy().partial(large(EXACT_ROWS)).num_rows == EXACT_ROWS


def test_a_large_group_comes_as_near_as_its_bins_allow():
    batch = large(EXACT_ROWS + 20_000)
    total = int(batch["tokens"].to_numpy().sum())
    assert abs(shipped(batch, Sample({"web": 1.37}), "web") - 1.37 * total) < 500  # of 4.7 million


def test_those_with_one_more_are_first_in_the_order_of_chance():
    batch = corpus([("web", 10)] * 40)
    copies = Sample({"web": 0.25}, seed=3).copies(batch, TokensBy(seed=3).partial(batch)).to_numpy()
    assert np.flatnonzero(copies).tolist() == sorted(np.argsort(mix(3, batch["id"]))[:10].tolist())


@settings(max_examples=30)
@given(rows, st.data())
def test_copies_depend_on_the_document_and_the_table_alone(drawn, data):
    batch, sample = corpus(drawn), Sample({"web": 1.5, "代码": 0.3})
    table = TokensBy().partial(batch)
    start = data.draw(st.integers(0, len(drawn)))
    assert sample.copies(batch[start:], table) == sample.copies(batch, table)[start:]


def test_groups_of_another_column_and_of_dictionaries():
    batch = corpus([("web", 1)] * 3).append_column(
        "language", pa.array(["zh", None, "en"]).dictionary_encode()
    )
    sample = Sample({"zh": 3, "en": 0}, by="language")
    assert sample.statistics == (TokensBy("language", 0),)
    assert sample.copies(batch, sample.statistics[0].partial(batch)).to_pylist() == [3, 1, 0]


@pytest.mark.parametrize("epochs", [-1, nan, inf])
def test_epochs_are_finite_and_not_negative(epochs):
    with pytest.raises(ValueError, match="epochs of 'web' are"):
        Sample({"web": epochs})


# Mixtures


def locked(folder: Path, budget: int, by: str = "source", **shares: float) -> str:
    """A lock with these shares, and as many tokens; the path."""
    groups = {name: Group(one, round(one * budget), 1.0) for name, one in shares.items()}
    path = str(folder / "mixture.lock.json")
    lock.write(path, Lock(groups, by))
    return path


mixtures = st.fixed_dictionaries({"web": st.integers(1, 99), "代码": st.integers(0, 99)})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, mixtures, st.integers(1, 3000), st.integers(0, 9))
def test_every_group_ships_its_part_of_the_tokens_to_half_its_largest_document(
    tmp_path: Path, drawn: list[tuple[str | None, int]], parts: dict[str, int], budget: int, seed: int
):
    there = {name: sum(tokens for source, tokens in drawn if source == name) for name in parts}
    shares = {name: part / sum(parts.values()) for name, part in parts.items()}
    sample = Sample(mixture=locked(tmp_path, budget, **shares), seed=seed)
    batch = corpus(drawn)
    table = TokensBy(seed=seed).partial(batch)
    if any(shares[name] and not there[name] for name in parts):
        with pytest.raises(ValueError, match="left no token of it"):
            sample.mixed(table)
        return
    mixed = sample.mixed(table)
    most = min(4 * there[name] / shares[name] for name in parts if shares[name])
    assert mixed.total == pytest.approx(min(mixed.budget, most))
    assert bool(mixed.binds) == (most < mixed.budget)
    for one in sample.realised(table):
        largest = max((tokens for source, tokens in drawn if source == one.group), default=0)
        target = shares.get(one.group or "", 0) * mixed.total
        assert one.shipped == shipped(batch, sample, one.group)
        assert abs(one.shipped - target) <= largest / 2 + 1e-6


def test_the_tokens_that_ship_are_bounded_by_the_scarcest_group_and_it_is_named(tmp_path: Path):
    batch = corpus([("web", 10)] * 100 + [("books", 10)] * 10 + [("forum", 10)] * 5)
    table = TokensBy().partial(batch)
    sample = Sample(mixture=locked(tmp_path, 10_000, web=0.5, books=0.5), max_epochs=2)
    mixed = sample.mixed(table)
    assert (mixed.total, mixed.binds, mixed.epochs) == (400, ("books",), {"web": 0.2, "books": 2.0})
    told = [(one.group, one.there, one.shipped, one.planned) for one in sample.realised(table)]
    assert told == [("books", 100, 200, 0.5), ("forum", 50, 0, None), ("web", 1000, 200, 0.5)]


def test_a_lock_that_weighs_by_another_column_is_refused(tmp_path: Path):
    with pytest.raises(
        ValueError, match="weighs by 'language', this stage by 'source'; write `by: language`"
    ):
        _ = Sample(mixture=locked(tmp_path, 100, by="language", zh=1.0)).named


def test_epochs_and_a_mixture_exclude_each_other():
    with pytest.raises(ValueError, match="keep one of them"):
        Sample({"web": 1}, mixture="mixture.lock.json")


def test_pickling_changes_nothing():
    sample = Sample({"web": 1.5}, seed=4)
    again = pickle.loads(pickle.dumps(sample))
    assert (again, hash(again)) == (sample, hash(sample))
