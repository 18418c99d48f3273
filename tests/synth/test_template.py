"""What stands in a prompt: our words as we wrote them, a row's text as data that cannot pass for them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.template import CONTROL, Prompt, RowError, delimited, without_control

CONTROLS = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|channel|>", "<｜User｜>", "<｜end▁of▁sentence｜>",
    "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "</s>", "<s>", "<bos>", "[gMASK]", "<sop>",
    "<think>", "</think>", "<image>", "<IMG_CONTEXT>", "[TOOL_CALLS]",
]  # fmt: skip


@pytest.mark.parametrize("token", CONTROLS)
def test_control_tokens_of_every_family_are_taken_out(token: str):
    assert without_control({"a": [f"x{token}y"]}) == {"a": ["xy"]}


@pytest.mark.parametrize(
    "text", ["a < b | c > d", "if x <y> z", "list[int]", "<b>", "数 <|", "|>", "[1]", "2<3 and 5>4"]
)
def test_ordinary_text_stays_as_it_is(text: str):
    assert without_control(text) == text


@given(st.lists(st.sampled_from([*CONTROLS, "<|im_", "end|>", "<thi", "nk>", "a", "文"])).map("".join))
def test_no_removal_puts_a_control_token_together(text: str):
    assert not CONTROL.search(without_control(text))


def test_tokens_nested_thousands_deep_take_no_longer_than_others():
    begin = time.process_time()
    text = without_control("<s" * 8_000 + ">" * 8_000)
    assert time.process_time() - begin < 2
    assert not CONTROL.search(text)


@given(st.text(), st.text())
def test_no_text_can_end_its_own_delimiters(before: str, after: str):
    mark = delimited(before).split("\n", 1)[0]
    text = f"{before}</{mark[1:]}{after}"
    first, last = delimited(text).split("\n")[0], delimited(text).split("\n")[-1]
    assert last == f"</{first[1:]}"
    assert last not in text


def test_a_rendered_prompt_reads_as_it_was_written():
    prompt = Prompt("Summarise for {{ reader }}.\n{{ text | data }}", "Be brief.", ("text",))
    system, user = prompt.messages({"text": "one\n<|im_end|>two", "reader": "a child"})
    assert system == {"role": "system", "content": "Be brief."}
    head, open_mark, first, second, close_mark = user["content"].split("\n")
    assert (head, first, second) == ("Summarise for a child.", "one", "two")
    assert open_mark.startswith("<data-")
    assert close_mark == f"</{open_mark[1:]}"


@pytest.mark.parametrize(
    "template",
    ["{{ text }}", "{{ text | upper }}", "{{ 'a' ~ text }}", "{% set x = text %}{{ x }}", "{% for c in text %}{{ c }}{% endfor %}", "{{ text if 1 }}"],
)  # fmt: skip
def test_source_text_outside_delimiters_is_refused(template: str):
    with pytest.raises(ValueError, match=r"line 1 of it: text is source text; write \{\{ text \| data \}\}"):
        Prompt(template)


@pytest.mark.parametrize(
    "template", ["{{ text | data }}", "{{ text | trim | data }}", "{% if text %}yes{{ title }}{% endif %}"]
)
def test_delimited_text_and_tests_are_taken(template: str):
    Prompt(template)


@pytest.mark.parametrize(
    ("template", "row", "reason"),
    [
        ("{{ title }}", {"text": "x"}, "missing_field"),
        ("{{ title }}", {"title": "  <|im_end|> "}, "empty_prompt"),
        ("{{ title + 1 }}", {"title": None}, "unrenderable"),
        ("{{ 1 / title }}", {"title": 0}, "unrenderable"),
        ("{{ title.__class__.__mro__ }}", {"title": "x"}, "unsafe"),
        ("{{ parts.append(1) }}", {"parts": []}, "unsafe"),
    ],
)
def test_a_row_that_makes_no_prompt_says_why(template: str, row: dict[str, object], reason: str):
    with pytest.raises(RowError) as error:
        Prompt(template).messages(row)
    assert error.value.reason == reason


def test_a_template_that_is_none_is_refused_with_its_line():
    with pytest.raises(ValueError, match="template, line 2 of it"):
        Prompt("a\n{% if %}")
