"""Packs against the documents that went in: every token once, at its place, whatever the order of arrival."""

import random
import subprocess
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import schemas
from pipeline.ship import packs, shards
from pipeline.ship.tokenize import Tokenizer
from tests.oracles import bestfit as oracle
from tests.ship.made import END, chinese, english, rows

LENGTH, PAD_ID, IDS = 8, 9, 10
ENDS = np.array([0, 0, 0, 0, 0, 0, 1, 2, 0, 0], np.uint8)  # token 6 ends a sentence, 7 a paragraph
tokens = st.lists(st.integers(0, IDS - 2), min_size=1, max_size=40)
pools = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=12, unique=True).flatmap(
    lambda keys: st.lists(tokens, min_size=6, max_size=6).map(
        lambda texts: [(number, copy, texts[number]) for number, copy in keys]
    )
)  # copies of a document have its tokens
Copy = tuple[bytes, int]


def packed(pool: pa.Table, seed: int = 0) -> tuple[pa.Table, dict[str, Any]]:
    return packs.pack(pool, LENGTH, PAD_ID, seed, ENDS)


def spans_of(table: pa.Table) -> dict[Copy, list[tuple[int, list[int]]]]:
    """(at, tokens) of every span of each copy of a document, by `at`."""
    found = defaultdict(list)
    for row in table.to_pylist():
        for span in row["spans"]:
            found[span["id"], span["copy"]].append((span["at"], row["tokens"][span["start"] : span["stop"]]))
    return {key: sorted(spans) for key, spans in found.items()}


@given(pools)
def test_every_token_of_every_copy_lands_exactly_once_at_its_place(pool):
    found = spans_of(packed(rows(pool))[0])
    for number, copy, text in pool:
        spans = found.pop((number.to_bytes(16, "big"), copy))
        assert [token for _, part in spans for token in part] == text
        assert [at for at, _ in spans] == [0, *np.cumsum([len(part) for _, part in spans])[:-1].tolist()]
    assert not found


@given(pools)
def test_spans_are_adjacent_and_what_follows_is_padding_in_no_span(pool):
    table, _ = packed(rows(pool))
    assert table.schema == schemas.packs(pa.uint16(), LENGTH)
    for row in table.to_pylist():
        stops = [0, *(span["stop"] for span in row["spans"])]
        assert [span["start"] for span in row["spans"]] == stops[:-1]
        assert row["tokens"][stops[-1] :] == [PAD_ID] * (LENGTH - stops[-1])


@given(pools)
def test_only_documents_longer_than_a_pack_are_cut_and_where_the_oracle_cuts_them(pool):
    found = spans_of(packed(rows(pool))[0])
    for number, copy, text in pool:
        begins = [at for at, _ in found[number.to_bytes(16, "big"), copy]]
        assert begins == [0, *oracle.cuts(ENDS[text].tolist(), LENGTH)]


@given(pools)
def test_no_two_spans_of_one_document_share_a_pack(pool):
    for row in packed(rows(pool))[0].to_pylist():
        held = [span["id"] for span in row["spans"]]
        assert len(held) == len(set(held))


@given(pools, st.randoms(use_true_random=False))
def test_the_order_and_the_chunks_of_arrival_change_nothing(pool, chance):
    shuffled = chance.sample(pool, len(pool))
    at = chance.randrange(len(pool) + 1)
    chunks = pa.concat_tables([rows(shuffled[:at]), rows([(9, 9, [1])]).slice(1), rows(shuffled[at:])])
    assert packed(rows(pool)) == packed(chunks)


@given(pools)
def test_the_facts_are_those_of_the_packs(pool):
    table, facts = packed(rows(pool))
    found, filled = spans_of(table), sum(len(text) for _, _, text in pool)
    cut = [spans for spans in found.values() if len(spans) > 1]
    by_source = {"a": 0, "b": 0}
    for number, _, text in pool:
        by_source["ab"[number % 2]] += len(text)
    assert facts == {
        "packs": table.num_rows,
        "tokens": filled,
        "padding": table.num_rows * LENGTH - filled,
        "least_packs": -(-filled // LENGTH),
        "documents": len(pool),
        "cut_documents": len(cut),
        "fragments": sum(map(len, cut)),
        "long_tokens": sum(len(text) for _, _, text in pool if 2 * len(text) >= LENGTH),
        "tokens_by_source": {source: count for source, count in by_source.items() if count},
    }


def test_shuffled_rows_give_equal_bytes_of_the_shard(tmp_path):
    chance = random.Random(0)
    pool = [(number, 0, chance.choices(range(9), k=chance.randrange(1, 30))) for number in range(500)]
    for name, order in (("one", pool), ("other", chance.sample(pool, len(pool)))):
        shards.write(packed(rows(order))[0], str(tmp_path / name))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_another_seed_deals_documents_of_equal_length_otherwise():
    pool = rows([(number, 0, [number % 9] * 4) for number in range(100)])
    (one, facts), (other, other_facts) = packed(pool, seed=1), packed(pool, seed=2)
    assert facts == other_facts
    assert one != other


def test_long_documents_do_not_stand_first_in_a_shard():
    table, _ = packed(rows([(number, 0, [1] * (8 if number < 200 else 3)) for number in range(600)]))
    full = [row["spans"][0]["stop"] == 8 for row in table.to_pylist()]
    assert 0.35 < sum(full[: len(full) // 2]) / 200 < 0.65


def test_packs_are_as_few_as_best_fit_makes_them():
    chance = random.Random(0)
    lengths = [chance.randrange(1, LENGTH + 1) for _ in range(400)]
    table, _ = packed(rows((number, 0, [1] * length) for number, length in enumerate(lengths)))
    lengths.sort(reverse=True)
    assert table.num_rows == max(oracle.best_fit(lengths, list(range(400)), LENGTH)) + 1


@pytest.mark.parametrize("write", [english, chinese])
def test_long_documents_are_cut_behind_a_sentence(encoder: Tokenizer, write):
    chance = random.Random(3)
    texts = [write(chance, 150) for _ in range(5)]
    lists = encoder.encode(pa.array(texts)).to_pylist()
    table, facts = packs.pack(
        rows((number, 0, text) for number, text in enumerate(lists)),
        128,
        encoder.token_id(END),
        0,
        encoder.ends,
    )
    names = {identifier: token for token, identifier in encoder.ids.items()}
    stops = [".", encode_byte_level("。")]
    for spans in spans_of(table).values():
        assert all(names[part[-1]].endswith(tuple(stops)) for _, part in spans[:-1])
        assert all(96 < len(part) <= 128 for _, part in spans[:-1])
        assert spans[-1][1][-1] == encoder.token_id(END)
    assert facts["cut_documents"] == 5


def encode_byte_level(text: str) -> str:
    """As a byte-level BPE writes it: GPT-2's letters for bytes."""
    from tokenizers import pre_tokenizers

    return pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)[0][0]


def test_the_paragraph_wins_over_a_later_sentence_and_the_last_quarter_is_all_that_counts():
    ends = np.array([0, 1, 2], np.uint8)
    text = [0] * 40
    text[20] = 2  # before the last quarter of the first pack of 32: does not count
    text[25], text[30] = 2, 1
    table, _ = packs.pack(rows([(1, 0, text)]), 32, 0, 0, ends)
    assert [at for at, _ in spans_of(table)[(1).to_bytes(16, "big"), 0]] == [0, 26]


def test_a_pool_without_documents_has_no_packs():
    table, facts = packed(rows([]))
    assert table.num_rows == 0
    assert facts["packs"] == facts["tokens"] == facts["padding"] == 0


def test_32_bit_ids_stay_so_wide():
    table, _ = packs.pack(rows([(1, 0, [70_000, 5])], pa.uint32()), 4, 70_001, 0, np.zeros(70_002, np.uint8))
    assert table["tokens"].to_pylist() == [[70_000, 5, 70_001, 70_001]]


def test_a_copy_that_comes_twice_is_an_error():
    with pytest.raises(ValueError, match=r"document 0+7 copy 1 comes twice"):
        packed(rows([(7, 1, [1]), (3, 1, [1]), (7, 0, [1]), (7, 1, [1])]))


def test_padding_of_long_tailed_documents_is_near_its_bound(record_property):
    drawn = np.minimum((np.random.default_rng(0).pareto(1.2, 5000) + 1) * 60, 20_000).astype(int)
    _, facts = packs.pack(
        rows((number, 0, [1] * size) for number, size in enumerate(drawn.tolist())),
        4096,
        0,
        0,
        np.zeros(2, np.uint8),
    )
    record_property("facts", facts)
    assert facts["packs"] <= 1.01 * facts["least_packs"]


def test_any_reader_of_parquet_opens_a_shard(tmp_path):
    shards.write(packed(rows([(1, 0, [1, 2, 3])]))[0], str(tmp_path / "shard.parquet"))
    (row,) = pq.read_table(tmp_path / "shard.parquet").to_pylist()
    assert row["tokens"][:3] == [1, 2, 3]
    assert row["spans"] == [
        {"id": (1).to_bytes(16, "big"), "source": "b", "copy": 0, "start": 0, "stop": 3, "at": 0}
    ]


@pytest.mark.soak
def test_ten_million_documents_pack_in_flat_memory():
    done = subprocess.run(
        [sys.executable, "-m", "tests.ship.packing"], check=True, capture_output=True, text=True
    )
    documents, pools, tokens, made, early, peak = map(int, done.stdout.split())
    print(
        f"{documents:,} documents, {tokens:,} tokens, {pools} pools: {early:,} MiB after 5 pools, {peak:,} MiB at the end"
    )
    assert documents >= 10_000_000
    assert peak <= 1.1 * early
    assert peak < 1024
    assert made <= 1.01 * -(-tokens // 4096)
