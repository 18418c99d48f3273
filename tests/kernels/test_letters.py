"""Letters against their naive twin, and what they do not see."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.letters import CODE, WEIGH, byte_spans, letters
from tests.oracles import generated
from tests.oracles import letters as oracle


def spelt(text: str) -> str:
    return "".join(chr(one & CODE) for one in letters(pa.array([text], pa.string())).letters)


@given(generated.batches)
def test_letters_and_tokens_are_their_definition(batch):
    found = letters(pa.array(batch, pa.string()))
    byte = 0
    for at, text in enumerate(batch):
        expected, tokens = oracle.letters(text)
        own = slice(*found.bounds[at : at + 2])
        assert "".join(chr(one & CODE) for one in found.letters[own]) == expected
        assert (found.letters[own] >> WEIGH).sum() == oracle.weight(expected)
        begun = slice(*found.tokens[at : at + 2])
        assert (found.starts[begun] - found.bounds[at]).tolist() == [token.first for token in tokens]
        assert (found.places[begun] - byte).tolist() == [token.byte for token in tokens]
        assert found.firm[begun].tolist() == [token.firm for token in tokens]
        byte += len(text.encode())


@given(generated.batches)
def test_two_grams_have_one_hash_where_their_letters_are_the_same(batch):
    found = letters(pa.array(batch, pa.string()))
    pairs = [oracle.letters(text) for text in batch]
    for hashes, least in ((found.gram, oracle.GRAM), (found.anchor, oracle.ANCHOR)):
        runs = [oracle.run_of(text, token.first, least) for text, tokens in pairs for token in tokens]
        assert [one == 0 for one in hashes] == [run == "" for run in runs]
        assert len(set(hashes.tolist())) == len(set(runs))


def test_every_character_gives_what_it_should():
    codes = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    texts = ["".join(map(chr, codes[at : at + 4096])) for at in range(0, len(codes), 4096)]
    found = letters(pa.array(texts, pa.string()))
    whole = "".join(oracle.spell(one) for text in texts for one in text)
    assert "".join(chr(one & CODE) for one in found.letters) == whole


@given(st.text(max_size=60), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_neither_composition_nor_case_nor_width_is_seen(text, form):
    many = [one for one in text if len(oracle.spell(one)) == len(one.encode()) > 2]  # cut short, as ㍿ is
    if not many:
        assert spelt(unicodedata.normalize(form, text)) == spelt(text)
        assert spelt(text.casefold()) == spelt(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Don't  stop!", "dont\nSTOP"),
        ("(0, 3)", "０，３"),
        ("$80,000", "80000"),
        ("\\frac{\\pi}{2}", "FRAC PI 2"),
        ("他说：「好」。", "他說好".replace("說", "说")),
        ("ｶﾞｽ", "ガス"),
        ("Straße", "STRASSE"),
        ("ﬁne café", "fine cafe\u0301"),
        ("so\u00adft\u200b", "soft"),
        ("x² ½", "X2 12"),
        ("한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
    ],
)
def test_what_a_retyped_copy_changes_is_not_seen(one, other):
    assert spelt(one) == spelt(other)


def test_what_makes_another_text_is_seen():
    texts = ["3 apples", "4 apples", "true or false", "true and false", "说", "說", "e", "ε"]
    assert len({spelt(text) for text in texts}) == len(texts)


@given(generated.batches, st.data())
def test_spans_of_letters_become_the_bytes_that_hold_them(batch, data):
    texts = pa.array(["padding", *batch], pa.string()).slice(1)
    found = letters(texts)
    for at, text in enumerate(batch):
        low, high = found.bounds[at : at + 2].tolist()
        if low == high:
            continue
        first = data.draw(st.integers(low, high - 1))
        beyond = data.draw(st.integers(first + 1, high))
        span = byte_spans(texts, found, np.array([at]), np.array([[first, beyond]]))[0]
        start, stop = span.tolist()
        data_of = text.encode()
        before, inside = data_of[:start].decode(), data_of[start:stop].decode()  # at character boundaries
        assert len(oracle.letters(before)[0]) <= first - low
        assert len(oracle.letters(before + inside)[0]) >= beyond - low
        assert oracle.spell(inside[0])
        assert oracle.spell(inside[-1])
