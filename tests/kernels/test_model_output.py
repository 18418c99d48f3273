"""Loops, repetition and open ends against trying them out."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels import looping, unfinished
from tests.oracles import generated
from tests.oracles import model_output as oracle

stretches = st.one_of(
    st.text("ab中。 ", min_size=1, max_size=6),
    st.sampled_from(["I think so. ", "我们继续推理。", "Wait, no! "]),
)
looped = st.tuples(generated.texts, stretches, st.integers(1, 9), st.text("ab中 ", max_size=3)).map(
    lambda drawn: drawn[0][-60:] + drawn[1] * drawn[2] + drawn[3]
)
MARKS = (
    *("<think>", "</think>", "\\boxed{", "{", "}", "\\{", "\\}", "\\[", "\\]", "\\(", "\\)", "$$", "$", "```", "~~~", "```py", "\\"),
    *("(", ")", "[", "]", "「", "」", "《", "“", "”", "（", "）", "\n", "\n\n", "\n  ", " ", "a", "字", "。", ".", "…"),
)  # fmt: skip
marked = st.lists(st.sampled_from(MARKS), max_size=14).map("".join)


@given(st.lists(looped, max_size=4), st.integers(2, 5))
def test_repetition_is_its_definition(batch, repeats):
    counts = looping.repetition(pa.array(batch, pa.string()), repeats)
    assert counts.T.tolist() == [oracle.repetition(text, repeats) for text in batch]


@given(st.lists(marked, max_size=6))
def test_open_ends_are_their_definition(batch):
    counts = unfinished.unfinished(pa.array(batch, pa.string()))
    assert counts.T.tolist() == [oracle.unfinished(text) for text in batch]


@given(st.lists(st.one_of(looped, marked), max_size=5), st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert (
        looping.repetition(whole.slice(start), 4).tolist() == looping.repetition(whole, 4)[:, start:].tolist()
    )
    assert (
        unfinished.unfinished(whole.slice(start)).tolist() == unfinished.unfinished(whole)[:, start:].tolist()
    )


def test_a_loop_by_hand():
    counts = looping.repetition(pa.array(["But wait. " + "So x=1, " * 6 + "So\n"]), 4)
    assert (
        dict(zip(looping.COUNTS, counts[:, 0].tolist(), strict=True))["loop_characters"] == 6 * 8 + 2 + 1
    )  # and the space before
    assert counts[looping.PERIOD, 0] == 8


@pytest.mark.parametrize("unit", ["\n", "(", "```\n", "a", "\\", "ab ", "字。", "$$"])
def test_no_text_takes_more_than_linear_time(unit):
    text = pa.array([unit * (2_000_000 // len(unit.encode()))])
    looping.repetition(text, 4)
    unfinished.unfinished(text)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["docs_permissive", "zh_classical_text", "qa_gsm8k_train"])
def test_real_texts_count_as_their_definition_says(shared, name):
    from tests.kernels.test_real_text import load

    real = [text[:3000] for text in load(shared / "corpus" / f"{name}.jsonl.zst")]
    assert unfinished.unfinished(pa.array(real)).T.tolist() == [oracle.unfinished(text) for text in real]
    counts = looping.repetition(pa.array([text[:400] for text in real]), 4)
    assert counts.T.tolist() == [oracle.repetition(text[:400], 4) for text in real]
