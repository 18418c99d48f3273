import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers import Extent, count_records
from tests.readers.memory import opener, reading_of, rows

PLAIN = reading_of("text", max_bytes=1000)


def test_a_file_is_one_document_as_it_stands():
    text = "第一行\r\n\r\nsecond line  \n"
    found = rows(text.encode(), PLAIN, "a.txt")
    assert found.texts == [text]
    assert found.documents[0]["id"][8:] == bytes(8)
    assert found.documents[0]["extra"] is None
    assert found.total.records == 1


def test_packed_it_is_the_same_document():
    assert (
        rows(gzip.compress("海天一色".encode()), PLAIN, "a.txt.gz").documents
        == rows("海天一色".encode(), PLAIN, "a.txt").documents
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b" \n\t\r\n", "empty_text"),
        (b"\xef\xbb\xbf", "empty_text"),
        ("\u3000\n".encode(), "empty_text"),
        (b"caf\xe9", "invalid_utf8"),
        ("海天一色".encode("gb18030"), "invalid_utf8"),
        ("海天".encode("utf-16"), "invalid_utf8"),
        (b"a\0b", "nul_bytes"),
        (b"a" * 1001, "too_large"),
        ("海".encode() * 334, "too_large"),
        (b"a" * (3 << 20), "too_large"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_document_is_one_row_with_its_reason(data: bytes, reason: str):
    found = rows(data, PLAIN, "a.txt")
    assert (found.documents, found.reasons) == ([], [reason])
    assert found.quarantine[0]["position"] == 0
    assert (
        found.quarantine[0]["excerpt"] == data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")[:200]
    )


def test_the_limit_is_of_the_text_without_its_byte_order_mark():
    assert rows(b"\xef\xbb\xbf" + b"a" * 1000, PLAIN, "a.txt").texts == ["a" * 1000]


def test_a_cut_archive_is_one_row():
    packed = gzip.compress("海天一色，风平浪静".encode())
    assert rows(packed[:-5], PLAIN, "a.txt.gz").reasons == ["truncated_archive"]


def test_literal_object_marks_are_replaced_and_counted():
    found = rows("a\ufffcb".encode(), PLAIN, "a.txt")
    assert (found.texts, found.total.replaced) == (["a\ufffdb"], 1)


def test_chosen_columns_are_null():
    reading = reading_of("text", columns=(("stars", "int32"),))
    assert rows(b"a", reading, "a.txt").documents[0]["stars"] is None


@given(data=st.binary(max_size=80))
def test_any_bytes_are_one_row(data: bytes):
    found = rows(data, PLAIN, "a.txt")
    assert len(found.documents) + len(found.quarantine) == found.total.records == 1
    assert count_records(Extent("a.txt", "a.txt"), PLAIN, opener({"a.txt": data})) == 1
