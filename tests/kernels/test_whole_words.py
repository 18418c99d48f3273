"""Words of a list, whole, against looking for each of them everywhere."""

from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.text import ALPHA, DIGIT, SOLO, UNSTABLE
from pipeline.measures.word_lists import ListedWords, folded
from tests.oracles.model_output import kind

WORDS = ("a", "ab", "ab ab", "b.a", "中", "中文", "文b", "é", "😀", "a中")
FOLDED = folded(pa.array(WORDS)).to_pylist()
texts = st.lists(
    st.sampled_from(("a", "b", "A", "ａ", ".", " ", "中", "文", "é", "e\u0301", "😀", "ß", "1", "\n")),
    max_size=14,
).map("".join)


def in_word(character: str) -> bool:
    return kind(character) & (ALPHA | DIGIT | UNSTABLE) > 0 and kind(character) & SOLO == 0


def naive(text: str) -> tuple[int, int]:
    """(places, distinct words): from left to right, the longest first."""
    found, at = [], 0
    while at < len(text):
        fits = (
            word for word in sorted(FOLDED, key=lambda word: -len(word.encode())) if stands(text, at, word)
        )
        word = next(fits, None)
        found += [word] if word else []
        at += len(word) if word else 1
    return len(found), len(set(found))


def stands(text: str, at: int, word: str) -> bool:
    ends = (at, at + len(word))
    cut = any(0 < end < len(text) and in_word(text[end - 1]) and in_word(text[end]) for end in ends)
    return text.startswith(word, at) and not cut


@given(st.lists(texts, max_size=6), st.integers(0, 3))
def test_places_are_whole_words_of_one_text(tmp_path_factory, batch, start):
    path = Path(tmp_path_factory.getbasetemp()) / "words.txt"
    if not path.exists():
        path.write_text("\n".join(WORDS), encoding="utf-8")
    given_texts = pa.array(batch, pa.string()).slice(start)
    found = ListedWords(str(path))(pa.RecordBatch.from_arrays([given_texts], names=["text"]))
    expected = [naive(text) for text in folded(given_texts).to_pylist()]
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == expected
