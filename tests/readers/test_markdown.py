from datetime import UTC, datetime

import orjson
import pytest

from tests.readers.memory import reading_of, rows

READING = reading_of("markdown", max_bytes=200_000)


def read(text: str, **fields):
    return rows(text.encode(), reading_of("markdown", max_bytes=200_000, **fields), "a.md")


@pytest.mark.parametrize(
    "text", ["# 海\n\n- a\n- b\n", "---\n", "a\n---\nb: c\n---\n", "--- \n\ntext", "---\nno end: 1\n"]
)
def test_without_front_matter_the_text_stays_as_it_is(text: str):
    (row,) = read(text).documents
    assert (row["text"], row["extra"]) == (text, None)


def test_front_matter_leaves_the_text_and_its_scalars_stay_as_they_are_written():
    (row,) = read("---\r\ntitle: 海 & sea\r\ndraft: no\r\ntags: [a, 012]\r\n---\r\n# Text\r\n").documents
    assert row["text"] == "# Text\r\n"
    assert orjson.loads(row["extra"]) == {"title": "海 & sea", "draft": "no", "tags": ["a", "012"]}


def test_its_url_and_date_are_the_documents():
    (row,) = read("---\nurl: https://a.example/\ndate: 2024-02-29\n---\ntext").documents
    assert (row["url"], row["date"], row["extra"]) == (
        "https://a.example/",
        datetime(2024, 2, 29, tzinfo=UTC),
        None,
    )
    (row,) = read("---\ndate: yesterday\nurl: [a]\n---\ntext").documents
    assert (row["url"], row["date"]) == (None, None)
    assert orjson.loads(row["extra"]) == {"date": "yesterday", "url": ["a"]}


def test_its_fields_can_be_chosen_as_columns():
    (row,) = read("---\nlicence: mit\nn: 1\n---\ntext", columns=(("licence", "string"),)).documents
    assert (row["licence"], row["extra"]) == ("mit", '{"n":"1"}')
    assert read("---\nlicence: [mit]\n---\ntext", columns=(("licence", "string"),)).reasons == ["bad_column"]


@pytest.mark.parametrize(
    "matter",
    [
        "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\n",
        "a: " + "[" * 30_000 + "\n",
        "a: " + "[" * 21 + "]" * 21 + "\n",
        "- a list\n",
        "just text\n",
        "a: b: c\n",
        "? [a]\n: b\n",
        "1: {2: 3}\n{a: b}: c\n",
        "\ta: b\n",
    ],
    ids=["aliases", "unclosed", "deep", "list", "text", "broken", "key", "odd keys", "tab"],
)
def test_what_is_no_plain_mapping_stays_in_the_text(matter: str):
    text = f"---\n{matter}---\nthe text\n"
    (row,) = read(text).documents
    assert (row["text"], row["extra"]) == (text, None)


def test_what_is_no_document_is_one_row():
    for data, reason in [(b"", "empty_file"), (b"---\na: b\n---\n", "empty_text"), (b"\xff", "invalid_utf8")]:
        assert rows(data, READING, "a.md").reasons == [reason]
