"""Web archives read whole: documents, rows of quarantine, and what is passed over, by type."""

import gzip
import json
import zlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.ids import parse_id
from pipeline.readers import Extent, count_records
from tests.golden.archives import FILE, table
from tests.readers.made import arc, arc_record, http, page, record, response, sha1, warc
from tests.readers.memory import Rows, opener, reading_of, rows

READING = reading_of("warc", max_bytes=1 << 20)
LINE_ZH, LINE_EN = (
    "春江潮水连海平，海上明月共潮生。" * 6,
    "The sea is wide, and the wind that moves it is older. " * 6,
)
PAGE = page(f"{LINE_EN}\n{LINE_ZH}")


def read(*records: bytes, path: str = "a.warc", **fields: Any) -> Rows:
    """A file of these records, its warcinfo first."""
    return rows(warc(*records), reading_of("warc", **{"max_bytes": 1 << 20, **fields}), path)


def test_what_a_document_of_a_web_page_is():
    found = read(response(PAGE, charset="utf-8"))
    (row,) = found.documents
    assert row["url"] == "http://a.example/海"
    assert row["date"] == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert orjson.loads(row["extra"]) == {"mime": "text/html", "charset": "utf-8", "title": "Title"}
    assert row["text"] == f"Title\n\n{LINE_EN.strip()}\n\n{LINE_ZH}"
    assert parse_id(row["id"]).position == len(warc())
    assert (found.total.records, found.total.passed_over) == (2, {"warcinfo": 1})


def test_what_the_reader_knows_can_be_chosen_as_columns():
    (row,) = read(response(PAGE), columns=(("charset", "string"), ("mime", "string"))).documents
    assert (row["mime"], row["charset"]) == ("text/html", "utf-8")
    assert orjson.loads(row["extra"]) == {"title": "Title"}


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (record("request", b"GET / HTTP/1.1\r\n\r\n"), "request"),
        (record("metadata", b"a: b"), "metadata"),
        (record("resource", PAGE), "resource"),
        (record("revisit", http(PAGE)), "revisit"),
        (record("conversion", b"text"), "conversion"),
        (record("nonsense", b"text"), "unknown type"),
        (record("response", b"\x00\x01", Content_Type="text/dns"), "response, not HTTP"),
        (response(b"moved", status=301), "response 3xx"),
        (response(PAGE, status=404), "response 4xx"),
        (response(PAGE, status=503), "response 5xx"),
        (response(b"GIF89a", mime="image/gif"), "response image"),
        (response(b"%PDF-1.4", mime="application/pdf"), "response application"),
        (response(b"??", mime="x/y"), "response, odd type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_text_by_its_type_is_passed_over_and_counted(made: bytes, kind: str):
    found = read(response(PAGE), made)
    assert found.total.passed_over == {"warcinfo": 1, kind: 1}
    assert (len(found.documents), found.reasons, found.total.records) == (1, [], 3)


@pytest.mark.parametrize(
    ("payload", "mime", "text"),
    [
        ("海天一色\r\n".encode(), "text/plain", "海天一色\r\n"),
        (b'{"a": 1}', "application/json", '{"a": 1}'),
        (b"\tint main;", "text/x-c", "\tint main;"),
        (b"<a>b</a>", "application/rss+xml", "<a>b</a>"),
        (b"plain, and nobody said so", None, "plain, and nobody said so"),
    ],
)
def test_other_text_is_kept_as_it_stands(payload: bytes, mime: str | None, text: str):
    found = read(response(payload, mime=mime))
    assert (found.texts, found.reasons) == ([text], [])


def test_html_is_known_by_its_looks_where_nobody_says_so():
    assert read(response(PAGE, mime=None)).texts == read(response(PAGE)).texts


PACKINGS = {
    "gzip": (gzip.compress(PAGE, mtime=0), {"Content_Encoding": "gzip"}),
    "x-gzip": (gzip.compress(PAGE, mtime=0), {"Content_Encoding": "x-gzip"}),
    "deflate": (zlib.compress(PAGE), {"Content_Encoding": "deflate"}),
    "chunks": (b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (PAGE[:99], PAGE[99:])) + b"0\r\n\r\n", {"Transfer_Encoding": "chunked"}),
    "chunks undone, header left": (PAGE, {"Transfer_Encoding": "chunked"}),
    "unpacked, header left": (PAGE, {"Content_Encoding": "gzip"}),
    "an encoding of its own": (PAGE, {"Content_Encoding": "utf-8"}),
    "digest": (PAGE, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKINGS)
def test_a_payload_is_the_same_document_however_it_was_sent(name: str):
    payload, headers = PACKINGS[name]
    digest = sha1(http(payload)) if name == "digest" else None
    made = response(payload, digest=digest, **headers)
    assert (read(made).texts, read(made).reasons) == (read(response(PAGE)).texts, [])


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (response(PAGE, digest=sha1(b"other")), "wrong_digest"),
        (response(gzip.compress(PAGE)[:-40], Content_Encoding="gzip"), "broken_payload"),
        (response(gzip.compress(bytes(80 << 20)), Content_Encoding="gzip"), "too_large"),
        (response(b"a" * (1 << 20) + b"b", mime="text/plain"), "too_large"),
        (response(b"<p>" + b"a" * (3 << 20)), "too_large"),
        (response(b"%PDF-1.4\n" + bytes(99)), "not_text"),
        (response(bytes(range(9)) * 9, mime=None), "not_text"),
        (response(b"<div>" * 100_000), "nested_too_deep"),
        (response(b"<div></span>" * 3000), "nested_too_deep"),
        (response(b"", mime="text/plain"), "empty_text"),
        (response(b"<html><script>only()</script></html>"), "empty_text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_response_is_one_row_with_its_reason_and_its_neighbours_live(made: bytes, reason: str):
    found = read(response(b"before", mime="text/plain"), made, response("之后".encode(), mime="text/plain"))
    assert (found.texts, found.reasons) == (["before", "之后"], [reason])
    row = found.quarantine[0]
    assert row["position"] == len(warc(response(b"before", mime="text/plain")))
    assert row["excerpt"].startswith("WARC/1.0\r\nWARC-Type: response")


@pytest.mark.parametrize("suffix", ["", ".gz by record", ".gz as one", ".zst"])
def test_however_the_file_is_packed_its_rows_are_the_same(suffix: str):
    import zstandard

    made = [response(PAGE), record("request", b"GET"), response("海".encode(), mime="text/plain")]
    plain = warc(*made)
    packed = {
        "": plain,
        ".gz by record": b"".join(map(gzip.compress, [warc(), *made])),
        ".gz as one": gzip.compress(plain),
        ".zst": zstandard.compress(plain),
    }[suffix]
    path = f"a.warc{suffix.split(' ', maxsplit=1)[0]}"
    found = rows(packed, READING, path)
    assert found.documents == rows(plain, READING, "a.warc").documents
    assert len(found.documents) == 2
    assert count_records(Extent(path, path), READING, opener({path: packed})) == 4


def test_an_archive_that_ends_early_gives_its_whole_records_and_one_row():
    packed = b"".join(map(gzip.compress, [warc(), response(PAGE), response(PAGE)]))
    found = rows(packed[:-50], READING, "a.warc.gz")
    assert (len(found.documents), found.reasons) == (1, ["truncated_archive"])
    assert found.quarantine[0]["position"] == len(warc(response(PAGE)))


def test_arc_gives_what_warc_gives():
    made = arc(
        arc_record(http(PAGE)), arc_record(http(b"no", status=404)), arc_record(b"not HTTP", mime="text/dns")
    )
    found = rows(made, READING, "a.arc")
    assert found.texts == read(response(PAGE)).texts
    assert (found.documents[0]["url"], found.documents[0]["date"]) == ("http://a.example/", datetime(2024, 2, 29, 12, tzinfo=UTC))  # fmt: skip
    assert found.total.passed_over == {"filedesc": 1, "response 4xx": 1, "response, not HTTP": 1}
    packed = rows(
        gzip.compress(arc(arc_record(http(gzip.compress(PAGE), Content_Encoding="gzip")))),
        READING,
        "a.arc.gz",
    )
    assert packed.texts == found.texts


def test_a_bomb_of_a_file_stops_where_the_ratio_says():
    import zstandard

    bomb = zstandard.compress(warc(response(PAGE)) + bytes(300 << 20))
    found = rows(bomb, READING, "a.warc.zst")
    assert found.reasons in (["decompression_bomb"], ["wrong_length", "decompression_bomb"])


HOSTILE = [
    response(PAGE),
    record("request", b"x"),
    response(b"x", length=999),
    response(b"<b>" * 3000),
    b"\n",
    arc_record(http(PAGE)),
]


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(HOSTILE) | st.binary(max_size=60), max_size=6),
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=3),
)
def test_no_archive_raises_and_its_books_balance(pieces: list[bytes], flips: list[tuple[int, int]]):
    data = bytearray(b"".join(pieces))
    for at, flip in flips if data else []:
        data[at % len(data)] ^= flip
    files, extent = opener({"a.warc": bytes(data)}), Extent("a.warc", "a.warc")
    found = rows(bytes(data), READING, "a.warc")
    ids = [row["id"] for row in (*found.documents, *found.quarantine)]
    passed = Counter(found.total.passed_over).total()
    assert len(set(ids)) + passed == found.total.records == count_records(extent, READING, files)


@pytest.mark.shared
def test_the_table_of_the_real_archives(shared: Path):
    """18 files, good and broken; `python -m tests.golden.archives` writes the table anew."""
    found = table(shared / "warc")
    assert found == json.loads(FILE.read_text(encoding="utf-8"))
    assert len(found) == 18
