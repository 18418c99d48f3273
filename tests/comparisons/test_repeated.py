"""Repeated lines and paragraphs: the limits, the first that stays, and what is cut against a naive count."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.comparisons.repeated import RepeatedText
from pipeline.data.ids import file_digest, make_ids
from pipeline.kernels.cuts import apply
from tests.alone import compare
from tests.oracles import blocks as oracle

EN = "All rights of this page are reserved by the harbour company of the town."
ZH = "版权所有，未经本站书面许可不得转载本页内容。"
ROWS = st.lists(
    st.lists(st.sampled_from([EN, ZH, f"  {EN} ", "short", "", "海" * 14]), max_size=6).map("\n".join),
    max_size=12,
)


def left(texts: list[str], rule: RepeatedText) -> list[str]:
    """The texts as the rule leaves them, ids in their order."""
    ids = make_ids(file_digest("repeated", "file"), np.arange(len(texts)))
    column = pa.array(texts, pa.string())
    (need,) = rule.needs
    seen = pa.RecordBatch.from_pydict(
        {"id": ids, "blocks": need(pa.record_batch({"text": column}))["blocks"]}
    )
    marks = compare(rule, seen, column).marks
    cuts = pa.array(
        [marks[one]["cuts"] if one in marks else [] for one in ids.to_pylist()], pa.list_(rule_cuts())
    )
    return apply(column, cuts).to_pylist()


def rule_cuts() -> pa.DataType:
    from pipeline.data.schemas import CUT

    return CUT


@pytest.mark.parametrize("line", [EN, ZH])
@pytest.mark.parametrize("unit", ["line", "paragraph"])
def test_seven_times_is_too_often_and_six_is_not(line: str, unit: str):
    """Golden rows of `more_than`; white space around a line makes no other line, a word more does."""
    rule = RepeatedText(unit)
    texts = [f"{number}\n\n  {line}\t\n\nend" for number in range(7)]
    assert left(texts[:6], rule) == texts[:6]
    gap = "" if unit == "paragraph" else "\n"
    assert left(texts, rule) == [texts[0], *(f"{number}\n\n{gap}end" for number in range(1, 7))]
    assert left([*texts[:6], f"{line}x"], rule) == [*texts[:6], f"{line}x"]


@pytest.mark.parametrize("line", ["w " * 13, "字" * 13])
def test_thirteen_tokens_are_long_enough_and_twelve_are_not(line: str):
    """Golden rows of `min_tokens`."""
    rule, shorter = RepeatedText(more_than=1), line[: -2 if " " in line else -1]
    assert left([line, line], rule) == [line, ""]
    assert left([shorter, shorter], rule) == [shorter, shorter]


def test_within_a_document_too_the_first_stays():
    assert left([f"{EN}\n{EN}\nx\n{EN}"], RepeatedText(more_than=2)) == [f"{EN}\nx\n"]


def test_a_paragraph_is_cut_as_a_whole_or_not_at_all():
    block = f"{EN}\n{ZH}"
    texts = [f"{block}\n\n\na", f"b\n\n{block}\n\nc", f"{EN}\nother\n\n{ZH}"]
    assert left(texts, RepeatedText("paragraph", 1)) == [texts[0], "b\n\nc", texts[2]]


@pytest.mark.parametrize("unit", ["line", "paragraph"])
@given(texts=ROWS, more_than=st.integers(1, 4))
def test_what_is_left_is_what_a_naive_count_leaves(unit: str, texts: list[str], more_than: int):
    counts = Counter(said for text in texts for _, _, said in oracle.blocks(text, unit, 13))
    seen, wanted = set(), []
    for text in texts:
        data, kept, at = text.encode(), b"", 0
        for start, stop, said in oracle.blocks(text, unit, 13):
            if counts[said] > more_than and said in seen:
                kept, at = kept + data[at:start], stop
            seen.add(said)
        wanted.append((kept + data[at:]).decode())
    assert left(texts, RepeatedText(unit, more_than)) == wanted


@pytest.mark.parametrize(
    ("fields", "words"), [({"more_than": 0}, "more_than 0 must be 1"), ({"min_tokens": 0}, "min_tokens 0")]
)
def test_fields_that_mean_nothing_are_refused(fields: dict[str, int], words: str):
    with pytest.raises(ValueError, match=words):
        RepeatedText(**fields)
