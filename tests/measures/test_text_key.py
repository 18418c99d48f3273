"""When two texts are the same text."""

import unicodedata
from hashlib import blake2b

import pyarrow as pa
import pytest
from hypothesis import given

from pipeline.measures.text_key import text_keys
from tests.oracles import generated


@given(generated.batches)
def test_a_key_is_the_digest_of_the_normalised_text(batch):
    normal = [" ".join(unicodedata.normalize("NFC", text).split()) for text in batch]
    expected = [blake2b(text.encode(), digest_size=16).digest() for text in normal]
    assert text_keys(pa.array(batch, pa.string())).to_pylist() == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("café", "cafe\u0301", True),
        (" a\u3000b\n", "a b", True),
        ("The end", "the end", False),
        ("中文", "中 文", False),
        ("ﬁn", "fin", False),  # compatibility is not composition
        ("a\u200bb", "ab", False),
    ],
)
def test_composition_and_white_space_do_not_tell_texts_apart_all_else_does(one, other, same):
    keys = text_keys(pa.array([one, other])).to_pylist()
    assert (keys[0] == keys[1]) is same
