"""RefinedWebLines: the share of words cut, with a page just inside and one just outside, in English and Chinese."""

import pyarrow as pa
import pytest

from pipeline.measures.refinedweb import LineCuts
from pipeline.rules.refinedweb import RefinedWebLines


def says(text: str) -> str | None:
    seen = LineCuts()(pa.record_batch({"text": [text]}))
    return RefinedWebLines()(seen)[0].as_py()


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("fine words " * 19 + "\n3 likes\n", "fine words " * 18 + "fine\n3 likes\n"),
        ("天地" * 19 + "\nREAD 書\n", "天地" * 18 + "玄\nREAD 書\n"),
    ],
)
def test_a_page_goes_when_more_than_a_twentieth_of_its_words_went(inside, outside):
    assert (says(inside), says(outside)) == (None, "too_many_words_cut")


def test_a_page_without_words_stays_for_others_to_judge():
    assert says("") is says("\n\n") is None


def test_its_cuts_are_a_column_of_its_measure():
    rule = RefinedWebLines()
    assert rule.cuts in rule.needs[0].columns.names
