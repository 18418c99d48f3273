"""C4Lines: what it leaves of a page, and each limit with a page just inside and one just outside, in two languages."""

import pyarrow as pa
import pytest

from pipeline.kernels.cuts import apply
from pipeline.rules.c4 import C4Lines

EN = "The sea is very wide.\nIt is as deep as that.\nAnd the wind blows over it.\n"
ZH = "海很宽很大。\n山很高很高。\n风从海上来。\n"


def says(text: str) -> str | None:
    rule = C4Lines()
    return rule(rule.needs[0](pa.record_batch({"text": [text]})))[0].as_py()


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (EN, EN.replace("wide.", "wide"), "too_few_sentences"),
        (EN, EN.replace("very wide", "wide"), "too_few_sentences"),  # four words are no line
        (ZH, ZH.replace("来。", "来"), "too_few_sentences"),
        ("海很宽很大。山很高！风从海上来？", "海很宽很大。山很高，风从海上来？", "too_few_sentences"),
        (EN + "if (sea) {\n", EN.replace("sea", "{sea"), "curly_brackets"),
        (ZH + "{山}\n", ZH.replace("山", "{山"), "curly_brackets"),
        (EN + "Lorem ipsum\n", EN + "Lorem ipsum dolor sit amet.\n", "placeholder_text"),
        (ZH + "Lorem ipsum\n", ZH + "这里是 Lorem Ipsum 占位文字。\n", "placeholder_text"),
    ],
)
def test_a_limit_drops_what_is_just_outside(inside, outside, reason):
    assert (says(inside), says(outside)) == (None, reason)
    assert reason in C4Lines.reasons


@pytest.mark.parametrize("page", [EN, ZH])
def test_menus_go_and_sentences_stay(page):
    text = f"Home | News\n首页 | 新闻\n\n{page}Please enable JavaScript to read this.\n本站隱私政策已更新，请阅读。\n"
    measured = C4Lines.needs[0](pa.record_batch({"text": [text]}))
    assert apply(pa.array([text]), measured["c4_cuts"]).to_pylist() == [f"\n{page}"]


def test_traditional_script_is_never_a_reason():
    assert says("海很寬很大。\n山很高很高。\n風從海上來。\n") is says(ZH) is None


def test_its_cuts_are_a_column_of_its_measure():
    rule = C4Lines()
    assert rule.cuts in rule.needs[0].columns.names


def test_a_page_without_sentences_goes():
    assert says("") == says("\n\n") == "too_few_sentences"
