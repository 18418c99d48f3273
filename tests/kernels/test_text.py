"""The table of classes against Python's own methods, for every character there is."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from pipeline.kernels import text
from tests.oracles import generated, lines, surface

EVERY = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


@pytest.fixture(scope="module")
def flat() -> np.ndarray:
    pages, table = text.classes()
    return table[pages].reshape(-1)


@pytest.mark.parametrize(
    ("bit", "known"),
    [
        (text.WHITE, str.isspace),
        (text.ALPHA, str.isalpha),
        (text.DIGIT, str.isdigit),
        (text.UPPER, lambda one: one.isalpha() and one.isupper()),
        (text.HAN, surface.is_han),
        (text.SOLO, lines.is_solo),
    ],
)
def test_a_class_is_what_python_says_of_every_character(flat, bit, known):
    assert [code for code in EVERY if bool(flat[code] & bit) != bool(known(chr(code)))] == []


def test_white_space_is_what_split_splits_at(flat):
    assert [
        code for code in EVERY if (len(f"a{chr(code)}b".split()) == 2) != bool(flat[code] & text.WHITE)
    ] == []


def test_a_character_that_nfc_changes_moves_or_joins_is_unstable(flat):
    for code in EVERY:
        one = chr(code)
        if not unicodedata.is_normalized("NFC", one) or unicodedata.combining(one):
            assert flat[code] & text.UNSTABLE, hex(code)
        decomposed = unicodedata.normalize("NFD", one)
        if unicodedata.normalize("NFC", decomposed) == one:
            assert all(flat[ord(part)] & text.UNSTABLE for part in decomposed[1:]), hex(code)


def test_all_bits_that_are_no_utf8_stay_within_the_table():
    pages, table = text.classes()
    code, width = text.decode(np.array([0xFF, 0xFF, 0xFF, 0xFF], np.uint8), 0)
    assert width == 4
    assert table[pages[code >> 8], code & 0xFF] == 0


@given(generated.batches)
def test_decoding_and_putting_together_again_are_python_s(batch):
    offsets, values = text.buffers(pa.array(batch, pa.string()))
    at, codes = offsets[0], []
    while at < offsets[-1]:
        code, width = text.decode(values, at)
        codes.append(code)
        at += width
    assert "".join(map(chr, codes)) == "".join(batch)
    assert text.strings(offsets, values).to_pylist() == batch


def test_only_strings_and_binaries_have_buffers():
    with pytest.raises(TypeError, match="got int64"):
        text.buffers(pa.array([1]))
