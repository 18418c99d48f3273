from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.ids import file_digest, make_id
from pipeline.readers import Extent, read
from tests.readers.memory import jsonl, opener, reading_of, rows

COLUMNS = {"url", "date", "parts", "media", "parents"}

LONG_ZH = "海天一色，风平浪静。" * 40  # 1,200 bytes

HOSTILE = [
    (b'{"text": "cut of', "broken_json"),
    ('{"text": "海天一'.encode(), "broken_json"),
    (b"not json at all", "broken_json"),
    (b'{"text": "a"} {"text": "b"}', "broken_json"),
    (b'{"text": "a", "x": NaN}', "broken_json"),
    (b'{"text": "a", "x": 1e999}', "broken_json"),
    (b'{"text": "\\ud800"}', "broken_json"),
    (b'{"text": "a", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "broken_json"),
    (b'{"text": "a", "x": ' + b"[" * 500 + b"]" * 500 + b"}", "broken_json"),
    (b'{"text": "a", "y": 1e30, "x": ' + b"[" * 1000 + b"]" * 1000 + b"}", "broken_json"),
    (b'{"text": "a", "text": "b"}', "inexact_json"),
    (b'{"text": "a", "x": {"k": 1, "k": 2}}', "inexact_json"),
    (b'{"text": "a", "x": 18446744073709551616}', "inexact_json"),
    (b'{"text": "a", "x": [-9223372036854775809]}', "inexact_json"),
    (b'["text"]', "not_an_object"),
    (b'"text"', "not_an_object"),
    (b"null", "not_an_object"),
    (b"12", "not_an_object"),
    (b'{"content": "a"}', "missing_text"),
    (b"{}", "missing_text"),
    (b'{"text": null}', "text_not_string"),
    (b'{"text": ["a"]}', "text_not_string"),
    (b'{"text": 7}', "text_not_string"),
    (b'{"text": "caf\xe9"}', "invalid_utf8"),
    ('{"text": "海天一色"}'.encode("gb18030"), "invalid_utf8"),
    (b'{"text": "\xed\xa0\x80"}', "invalid_utf8"),
    (b'{"text": "a\\u0000b"}', "nul_bytes"),
    (b'{"text": "a\x00b"}', "nul_bytes"),
    (b"\x00" * 64, "nul_bytes"),
    (orjson.dumps({"text": LONG_ZH}), "too_large"),
    (orjson.dumps({"text": "sea " * 300}), "too_large"),
    (b'{"text": "' + b"a" * 90_000 + b'"}', "too_large"),
    (b"[" * 90_000, "too_large"),
    (b'{"text": ""}', "empty_text"),
    (b'{"text": " \\n\\t\\u3000"}', "empty_text"),
    (b'{"text": "a", "stars": "many"}', "bad_column"),
    (b'{"text": "a", "stars": 1.0}', "bad_column"),
    (b'{"text": "a", "stars": true}', "bad_column"),
    (b'{"text": "a", "stars": 2147483648}', "bad_column"),
    (b'{"text": "a", "ratio": 1e39}', "bad_column"),
]


@pytest.mark.parametrize(("line", "reason"), HOSTILE, ids=lambda value: str(value)[:40])
def test_a_hostile_line_is_one_row_with_its_reason_and_its_neighbours_live(line: bytes, reason: str):
    reading = reading_of(max_bytes=1000, columns=(("stars", "int32"), ("ratio", "float32")))
    found = rows(jsonl({"text": "before"}, line, {"text": "之后"}), reading)
    assert found.texts == ["before", "之后"]
    assert found.reasons == [reason]
    row = found.quarantine[0]
    assert (row["position"], row["file"]) == (18, "a.jsonl")
    assert row["id"] == make_id(file_digest("web", "a.jsonl"), 18)
    assert row["excerpt"] == line.decode("utf-8", "replace")[:200]
    assert found.total.records == 3


def test_what_a_document_is():
    """Every column of a plain record, worked by hand."""
    record = {
        "id": "x7",
        "text": "春江潮水",
        "source": "poems",
        "url": "https://a.example",
        "lang": ["zh", None],
    }
    (row,) = rows(jsonl(record)).documents
    assert row == {
        "id": make_id(file_digest("web", "a.jsonl"), 0),
        "source": "web-zh",
        "digest": bytes.fromhex("17c09d1fc6ac0ea9c2ec25788a52a605"),
        "url": "https://a.example",
        "date": None,
        "text": "春江潮水",
        "parts": None,
        "media": None,
        "parents": None,
        "extra": '{"id":"x7","source":"poems","lang":["zh",null]}',
    }


def test_blank_lines_carriage_returns_and_a_missing_last_newline_are_no_trouble():
    found = rows(b'\n  \n{"text": "a"}\r\n\r\n{"text": "b"}')
    assert found.texts == ["a", "b"]
    assert [int.from_bytes(row["id"][8:14], "big") for row in found.documents] == [4, 21]
    assert found.total.records == 2


def test_a_byte_order_mark_is_skipped_at_the_start_of_a_file_alone():
    found = rows(b'\xef\xbb\xbf{"text": "a"}\n\xef\xbb\xbf{"text": "b"}\n')
    assert (found.texts, found.reasons) == (["a"], ["broken_json"])
    assert rows(b"\xef\xbb\xbf\n").total.records == 0


def test_chosen_columns_are_filled_and_null_where_a_record_lacks_them():
    kinds = {
        "name": "string",
        "stars": "int32",
        "at": "int64",
        "ratio": "float32",
        "score": "float64",
        "good": "bool",
    }
    reading = reading_of(columns=tuple(kinds.items()))
    values = {"name": "海", "stars": -3, "at": 1 << 40, "ratio": 0.5, "score": 2, "good": False}
    full, empty = rows(
        jsonl({"text": "a", "more": 1, **values}, {"text": "b", "name": None}), reading
    ).documents
    assert {name: full[name] for name in kinds} == values
    assert [empty[name] for name in kinds] == [None] * 6
    assert (full["extra"], empty["extra"]) == ('{"more":1}', None)


def test_the_text_may_have_another_name_and_the_usual_one_is_then_a_field_like_others():
    (row,) = rows(jsonl({"content": "a", "text": "b"}), reading_of(text="content")).documents
    assert (row["text"], row["extra"]) == ("a", '{"text":"b"}')


def test_literal_object_marks_are_replaced_and_counted():
    found = rows(jsonl({"text": "a\ufffcb\ufffc"}, {"text": "海\ufffc"}, {"text": "c"}))
    assert found.texts == ["a\ufffdb\ufffd", "海\ufffd", "c"]
    assert found.total.replaced == 3


def test_object_marks_that_stand_for_media_stay():
    image = {"kind": "image", "uri": "a.png", "digest": "0f" * 16}
    right, wrong = rows(
        jsonl({"text": "a\ufffcb", "media": [image]}, {"text": "a", "media": [image]})
    ).documents
    assert right["text"] == "a\ufffcb"
    assert right["media"][0]["digest"] == b"\x0f" * 16
    assert right["media"][0]["width"] is None
    assert (wrong["media"], orjson.loads(wrong["extra"])) == (None, {"media": [image]})


def test_a_batch_holds_at_most_16_mib_and_every_document_is_in_one():
    texts = [str(n) * (3 << 20) for n in range(9)]
    data = jsonl(*({"text": text} for text in texts))
    parts = list(read(Extent("a", "a"), reading_of(), opener({"a": data})))
    assert [part.documents.num_rows for part in parts] == [5, 4]
    assert [text for part in parts for text in part.documents["text"].to_pylist()] == texts


def test_a_batch_holds_at_most_62_500_rows():
    data = b'{"text":"a"}\nx\n' * 40_000
    parts = list(read(Extent("a", "a"), reading_of(), opener({"a": data})))
    assert [part.records for part in parts] == [62_500, 17_500]
    ids = [row for part in parts for row in part.documents["id"].to_pylist()]
    assert ids == sorted(set(ids))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
texts = st.text(min_size=1).filter(lambda text: text.strip() and not set(text) & {"\0", "\ufffc"})


@given(records=st.lists(st.tuples(texts, st.dictionaries(st.text(), json_values, max_size=4)), min_size=1))
def test_every_record_is_given_back_whole(records: list):
    """The text and extra, put together, are the record; fields that are columns aside."""
    wanted = [{**{k: v for k, v in more.items() if k not in COLUMNS}, "text": text} for text, more in records]
    found = rows(jsonl(*wanted))
    back = [{**orjson.loads(row["extra"] or "{}"), "text": row["text"]} for row in found.documents]
    assert back == wanted
    assert not found.quarantine


def test_dates_are_read_as_utc():
    (row,) = rows(jsonl({"text": "a", "date": "2024-02-29T08:00:00+08:00"})).documents
    assert row["date"] == datetime(2024, 2, 29, tzinfo=UTC)
