"""Finding passages against its naive twin; and by hand."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.letters import CODE, GRAM, WEIGH, letters
from pipeline.kernels.passages import SHARED, Passages, discount, find, index
from tests.oracles import letters as spelling
from tests.oracles import passages as oracle

WORDS = [
    "the",
    "sea",
    "of",
    "salt",
    "mountain",
    "is",
    "(3,",
    "14)",
    "don't",
    "Straße",
    "我们",
    "海上生明月",
    "。",
    "ﬁne",
]
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)


@st.composite
def worlds(draw) -> tuple[list[str], list[int], list[str]]:
    """(passages, their records, texts made of pieces of them)."""
    known = draw(st.lists(phrases, min_size=1, max_size=5))
    rows = np.cumsum(draw(st.lists(st.integers(0, 1), min_size=len(known), max_size=len(known)))).tolist()
    texts = []
    for _ in range(draw(st.integers(1, 3))):
        parts = []
        for _ in range(draw(st.integers(0, 4))):
            words = draw(st.sampled_from(known)).split() if draw(st.booleans()) else draw(phrases).split()
            low = draw(st.integers(0, len(words)))
            parts += words[low:] if draw(st.booleans()) else words
        texts.append(draw(st.sampled_from([" ", "\n", ", "])).join(parts))
    return known, rows, texts


def known_as(texts: list[str], rows: list[int], shared: int = SHARED) -> Passages:
    return index(letters(pa.array(texts, pa.string())), np.array(rows), shared)


def gram_text(known: Passages, number: int) -> str:
    """The letters of a key, or of a light passage."""
    if number >= len(known.keys):
        passage = number - len(known.keys)
        own = known.letters[known.bounds[passage] : known.bounds[passage + 1]]
    else:
        posting = known.postings[number]
        own = known.letters[known.bounds[known.passages[posting]] + known.places[posting] :]
        own = own[: np.searchsorted(np.cumsum(own >> WEIGH), GRAM) + 1]
    return "".join(chr(one & CODE) for one in own)


@settings(max_examples=60)
@given(worlds(), st.sampled_from([0.0, 0.2, 0.7]), st.sampled_from([1, 2, SHARED]))
def test_what_is_found_is_its_definition(world, least, shared):
    passages, rows, texts = world
    known = known_as(passages, rows, shared)
    spelt = letters(pa.array(texts, pa.string()))
    found = find(spelt, known, least)
    for at, text in enumerate(texts):
        hits, records, strays = oracle.find(text, oracle.Passages(passages, rows, shared), least)
        own, base = range(found.hits[at], found.hits[at + 1]), spelt.bounds[at]
        got = [
            oracle.Hit(
                known.rows[found.passage[hit]],
                found.passage[hit],
                found.covered[hit],
                found.start[hit] - base,
                found.stop[hit] - base,
                list(map(tuple, found.run[found.runs[hit] : found.runs[hit + 1]].tolist())),
            )
            for hit in own
        ]
        assert got == hits
        assert found.records[at] == records
        lone = found.stray[found.strays[at] : found.strays[at + 1]].tolist()
        assert {gram_text(known, number) for number in lone} == strays
        assert lone == sorted(lone)


QUESTION = (
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?"
)


def covered(text: str, *passages: str) -> list[float]:
    known = known_as(list(passages), list(range(len(passages))))
    found = find(letters(pa.array([text])), known, 0.0)
    return (found.covered / np.diff(known.bounds)[found.passage]).tolist()


def test_a_question_is_covered_whole_or_in_part_or_not_at_all():
    half = QUESTION[: QUESTION.index("How")]
    assert covered(f"Quiz. {QUESTION} Answer: 3", QUESTION) == [1.0]
    share = len(spelling.letters(half)[0]) / len(spelling.letters(QUESTION)[0])
    assert covered(f"{half}Who wore it?", QUESTION) == [share]
    assert covered("A robe takes two bolts of blue fibre and half as much white.", QUESTION) == []


def test_halves_count_together_within_twice_the_question_s_length_and_not_beyond():
    half, rest = (
        QUESTION,
        " Every robe also needs 3 buttons of dark bone and a collar that is lined with silk.",
    )
    assert covered(f"{half} Think well! {rest}", half + rest) == [1.0]
    assert covered(f"{rest} Or: {half}", half + rest) == [1.0]
    assert 0.5 < covered(f"{half} {'Think very well now! ' * 20} {rest}", half + rest)[0] < 0.6


def test_a_short_question_must_stand_whole_between_tokens():
    assert covered("Quiz: is Bunny Bug in this figure? Yes.", "Is Bunny Bug in this figure?") == [1.0]
    assert covered("This Bunny Bug in this figure", "Is Bunny Bug in this figure?") == []
    assert covered("Is Bunny Bug in this figurehead?", "Is Bunny Bug in this figure?") == []
    assert covered("Is Bunny Bug in the figure?", "Is Bunny Bug in this figure?") == []
    assert covered("请问海上生明月的下一句是什么", "海上生明月") == [1.0]


def test_a_short_sum_is_no_part_of_a_table():
    total = "((-1 + 2 + 9 * 5) - (-2 + -4 + -4 * -7)) ="
    assert covered(f"Sum: {total} 7", total) == [1.0]
    assert covered(f"3. {total}", total) == [1.0]
    assert covered("8 8 1 2 9 5 2 4 4 7 0 3", total) == []


def test_eight_are_told_and_all_are_counted():
    questions = [
        f"How many bolts of blue fiber and of white fiber does robe number {n} take?" for n in range(20)
    ]
    known = known_as(questions, list(range(20)))
    found = find(letters(pa.array([" ".join(questions[5:])])), known, 0.2)
    assert found.records.tolist() == [
        16
    ]  # and number 1, which begins as 10 to 19 do; the rest is said by all
    assert found.passage.tolist() == list(range(5, 13))


def test_no_passage_and_no_text_are_no_trouble():
    assert find(letters(pa.array([QUESTION])), known_as([], []), 0.0).hits.tolist() == [0, 0]
    assert find(letters(pa.array([], pa.string())), known_as([QUESTION], [1]), 0.0).hits.tolist() == [0]
    assert find(letters(pa.array([""])), known_as([QUESTION, "", "?!"], [1, 2, 3]), 0.0).hits.tolist() == [
        0,
        0,
    ]


@given(worlds(), st.data())
def test_what_is_left_without_common_grams_is_counted_letter_by_letter(world, data):
    passages, rows, texts = world
    known = known_as(passages, rows)
    found = find(letters(pa.array(texts, pa.string())), known, 0.0)
    keys = [
        key for key, posting in enumerate(known.postings[:-1]) if not known.light[known.passages[posting]]
    ]
    numbers = [
        *keys,
        *range(len(known.keys), len(known.keys) + len(passages)),
    ]  # no anchors: they are never strays
    common = data.draw(st.sets(st.sampled_from(numbers), max_size=6))
    left = discount(found.passage, found.runs, found.run, known, np.array(sorted(common), np.int32))
    grams = {gram_text(known, one) for one in common if one < len(known.keys)}
    for hit, passage in enumerate(found.passage.tolist()):
        own, tokens = spelling.letters(passages[passage])
        free = set(range(len(own))) if passage + len(known.keys) not in common else set()
        for token in tokens:
            gram = spelling.run_of(own, token.first, GRAM) if not known.light[passage] else ""
            free -= set(range(token.first, token.first + len(gram))) if gram in grams else set()
        inside = {
            at for low, high in found.run[found.runs[hit] : found.runs[hit + 1]] for at in range(low, high)
        }
        enough = len(free) == len(own) or spelling.weight("".join(own[at] for at in free)) >= GRAM
        assert left[hit].tolist() == ([len(free & inside), len(free)] if enough else [0, 0])


@pytest.mark.parametrize("text", ["true " * 20_000, QUESTION * 500, "海" * 50_000])
def test_what_repeats_itself_costs_little(text):
    known = known_as([QUESTION, "true " * 30, "海" * 30], [0, 1, 2])
    assert find(letters(pa.array([text])), known, 0.5).records.tolist() == [1]
