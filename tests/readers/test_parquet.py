"""A row is what the same record would be in JSON lines; what Arrow cannot read is a row of quarantine."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.ids import parse_id
from pipeline.readers import Extent, count_records, parquet, raw_digest
from tests.readers.memory import Rows, collect, from_disk, jsonl, opener, reading_of, rows

READING = reading_of("parquet", max_bytes=100_000)


def packed(table: pa.Table | list[dict[str, Any]], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_pylist(table), sink, **options)
    return sink.getvalue()


def read(table: Any, reading=READING, **options: Any) -> Rows:
    return rows(packed(table, **options), reading, "a.parquet")


def but_ids(found: Rows) -> list[dict[str, Any]]:
    """Everything but addresses; `extra` as what it says."""
    return [{**row, "id": 0, "extra": row["extra"] and orjson.loads(row["extra"])} for row in found.documents]


RECORDS = [
    {
        "text": "海天一色",
        "url": "https://a.example/1",
        "date": "2024-02-29T12:00:00Z",
        "stars": 3,
        "lang": "zh",
    },
    {"text": "sea \ufffc", "url": None, "date": "yesterday", "stars": -1, "lang": None},
    {"text": "c", "url": "x", "date": None, "stars": 0, "lang": "en"},
]


def test_a_row_is_what_the_record_is_in_json_lines():
    columns = (("lang", "string"), ("stars", "int32"))
    found = read(RECORDS, reading_of("parquet", columns=columns))
    wanted = rows(jsonl(*RECORDS), reading_of(columns=columns))
    assert but_ids(found) == but_ids(wanted)
    assert found.total.replaced == wanted.total.replaced == 1
    assert [parse_id(row["id"]).position for row in found.documents] == [0, 1, 2]


def test_the_text_may_have_another_name_and_any_string_type():
    texts = ["海", "sea", "海"]
    for kind in (pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())):
        table = pa.table({"content": pa.array(texts, kind), "text": [1, 2, 3]})
        found = read(table, reading_of("parquet", text="content"))
        assert (found.texts, found.documents[0]["extra"]) == (texts, '{"text":1}')


def test_values_that_json_has_no_type_for_are_written_as_text():
    table = pa.table(
        {
            "text": ["a"],
            "bytes": [b"\xff\x00"],
            "decimal": [Decimal("1.50")],
            "day": [date(2024, 2, 29)],
            "ns": pa.array([np.datetime64("2024-02-29T12:00:00.123456789")]),
            "date": pa.array([np.datetime64("2024-02-29T12:00:00", "ns")]),
            "nan": [float("nan")],
            "nested": [{"a": [{"b": b"x"}], "c": datetime(2024, 1, 1, tzinfo=UTC)}],
        }
    )
    (row,) = read(table).documents
    assert orjson.loads(row["extra"]) == {
        "bytes": "/wA=",
        "decimal": "1.50",
        "day": "2024-02-29",
        "ns": "2024-02-29 12:00:00.123456789",
        "nan": None,
        "nested": {"a": [{"b": "eA=="}], "c": "2024-01-01T00:00:00+00:00"},
    }
    assert row["date"] == datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_hostile_rows_are_rows_with_their_reason_and_their_neighbours_live():
    texts = [b"before", None, b"\xff", b"a\0b", b" \n", b"a" * 100_001, "之后".encode()]
    table = pa.table({"text": pa.array(texts, pa.binary()), "big": ["x"] * 6 + ["y" * 99_000]})
    found = read(table)
    assert found.texts == ["before", "之后"]
    assert found.reasons == ["text_not_string", "invalid_utf8", "nul_bytes", "empty_text", "too_large"]
    assert [row["position"] for row in found.quarantine] == [1, 2, 3, 4, 5]


def deep(levels: int) -> pa.Array:
    value = pa.array(["x"])
    for _ in range(levels):
        value = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), value)
    return value


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "empty_file", None),
        (b"PAR1", "broken_parquet", None),
        (b"no Parquet at all, however long it is", "broken_parquet", None),
        (b"PAR1" + b"\xff" * 100 + b"\xff\xff\xff\x7fPAR1", "broken_parquet", None),
        (packed([{"content": "a", "b": 1}]), "missing_text", "no column 'text'; there are content, b"),
        (packed([{"text": 7}]), "text_not_string", "column 'text' is int64"),
        (packed([{"text": ["a"]}]), "text_not_string", None),
        (packed(pa.table([["a"], ["b"]], ["text", "text"])), "broken_parquet", "two columns are named 'text'"),
        (packed(pa.table({"text": ["a"], "x": deep(40)})), "broken_parquet", "column 'x' nests more than 32 levels"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_told_apart_is_one_row(data: bytes, reason: str, detail: str | None):
    found = rows(data, READING, "a.parquet")
    assert (found.documents, found.reasons, found.total.records) == ([], [reason], 1)
    assert detail is None or found.quarantine[0]["detail"] == detail
    assert count_records(Extent("a", "a"), READING, opener({"a": data})) == 1


def test_a_file_without_rows_gives_none():
    assert read(pa.table({"text": pa.array([], pa.string())})).total.records == 0


TABLE = [{"text": f"第{n}行 " + "the sea is wide " * (n % 9 + 1), "n": n} for n in range(200)]
TEXTS = st.sampled_from(
    ["海", "sea", " \t海", "\u3000", "　天", "", "a\0", "\ufffc", "b\ufffc", "x" * 40, None, b"\xff"]
)
OTHERS = st.sampled_from(
    [{"url": "u"}, {"url": 1}, {"date": "2024-01-01"}, {"stars": 3}, {"stars": "many"}, {"parts": []}]
)


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    other=OTHERS,
    columns=st.sampled_from([(), (("stars", "int32"),)]),
)
@settings(max_examples=60, deadline=None)
def test_rows_taken_together_are_what_each_is_by_itself(
    texts: list[Any], other: dict[str, Any], columns: Any
):
    """The naive twin is the reader itself, row by row."""
    reading = reading_of("parquet", max_bytes=30, columns=columns)
    raw = [one.encode() if isinstance(one, str) else one for one in texts]
    table = pa.table(
        {"text": pa.array(raw, pa.binary()), **{name: [value] * len(raw) for name, value in other.items()}}
    )
    with patch.object(parquet, "documents_of", return_value=None) as slow:
        wanted = read(table, reading)
        assert slow.called
    assert read(table, reading) == wanted


def test_rows_that_say_nothing_special_are_taken_together():
    with patch.object(parquet, "document_of") as one_by_one:
        assert read([{"text": "海 sea", "url": "u", "stars": 1}] * 3).texts == ["海 sea"] * 3
    assert not one_by_one.called


DATA = packed(TABLE, row_group_size=16)


@given(cuts=st.lists(st.integers(1, len(DATA) - 1), max_size=6, unique=True))
@settings(max_examples=25, deadline=None)
def test_however_a_file_is_cut_its_rows_are_the_same_and_each_once(cuts: list[int]):
    files = opener({"a.parquet": DATA})
    edges = [0, *sorted(cuts), None]
    extents = [Extent("a.parquet", "a.parquet", start or 0, stop) for start, stop in pairwise(edges)]
    parts = [collect(one, READING, files) for one in extents]
    assert [row for part in parts for row in part.documents] == rows(DATA, READING, "a.parquet").documents
    assert [count_records(one, READING, files) for one in extents] == [part.total.records for part in parts]
    assert [raw_digest(one, files) for one in extents] == [part.total.digest for part in parts]


def test_a_changed_footer_changes_the_digest_of_every_range():
    """For every range stands on it."""
    renamed = packed(pa.Table.from_pylist(TABLE).rename_columns(["text", "m"]), row_group_size=16)
    same = next(at for at, (one, other) in enumerate(zip(DATA, renamed, strict=False)) if one != other)
    extent = Extent("a.parquet", "a.parquet", 0, min(same, 1000))
    assert DATA[: extent.stop] == renamed[: extent.stop]
    one, other = (raw_digest(extent, opener({"a.parquet": data})) for data in (DATA, renamed))
    assert one != other


def test_a_broken_row_group_is_one_row_and_the_groups_around_it_live():
    data = bytearray(DATA)
    group = pq.ParquetFile(io.BytesIO(DATA)).metadata.row_group(3).column(0)
    data[group.data_page_offset + 5 : group.data_page_offset + 40] = bytes(35)
    found = rows(bytes(data), READING, "a.parquet")
    assert found.reasons == ["broken_parquet"]
    assert found.quarantine[0]["position"] == 48
    assert [parse_id(row["id"]).position for row in found.documents] == [*range(48), *range(64, 200)]
    assert count_records(Extent("a", "a"), READING, opener({"a": bytes(data)})) == 185 == found.total.records


def test_a_bomb_is_one_row():
    """300 MB of one value, in pages of a few kilobytes."""
    table = pa.table({"text": ["a"] * 300, "x": pa.array(["z" * (1 << 20)] * 300)})
    data = packed(table, compression="zstd", use_dictionary=False)
    assert len(data) < 1 << 20
    found = rows(data, READING, "a.parquet")
    assert found.reasons == ["decompression_bomb"]


def test_a_file_that_a_disk_stops_giving_is_told():
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() < 3000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    found = collect(Extent("a", "a"), READING, lambda _path: Failing(DATA))
    assert set(found.reasons) == {"unreadable_file"}


@settings(max_examples=60, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, 255)), min_size=1, max_size=4),
    end=st.integers(1, len(DATA)) | st.none(),
)
def test_no_bytes_raise_and_the_books_balance(flips: list[tuple[int, int]], end: int | None):
    data = bytearray(DATA)
    for at, flip in flips:
        data[at] ^= flip
    files = opener({"a.parquet": bytes(data[:end])})
    found = collect(Extent("a.parquet", "a.parquet"), READING, files)
    ids = {row["id"] for row in (*found.documents, *found.quarantine)}
    assert len(ids) == found.total.records == count_records(Extent("a.parquet", "a.parquet"), READING, files)


@pytest.mark.shared
def test_the_real_files_are_read_whole(shared: Path):
    counts = {}
    for path in sorted((shared / "parquet").glob("*.parquet")):
        names = pq.read_schema(path).names
        reading = reading_of("parquet", text="text" if "text" in names else "contents")
        found = collect(Extent(str(path), path.name), reading, from_disk)
        assert found.total.records == pq.read_metadata(path).num_rows
        assert set(found.reasons) <= {"empty_text"}
        counts[path.name.split("__")[1], path.name.split("__")[-1]] = found.total.records
    assert sum(counts.values()) == sum((200, 1, 15, 12, 5, 10, 50, 200, 0))
    assert len(counts) == 9
