"""Cutting web archives: every byte belongs to one record or is a line end, and a lie costs the liar alone."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.records import Record, records
from pipeline.readers.shape import Broken
from tests.readers.made import arc, arc_record, http, page, record, response, warc

LONGEST = 100_000
BODIES = st.binary(max_size=300) | st.sampled_from(
    [b"", b"\r\n\r\n", http(page("海")), b"WARC/1.0\r\n", b"a\nWARC/1.1\r\nWARC-Type: response\r\n\r\n"]
)


def cut(data: bytes, size: int = 1 << 20, broken: Broken | None = None) -> list[Record]:
    """The records of a file whose blocks have `size` bytes."""

    def blocks() -> Iterator[bytes]:
        yield from (data[at : at + size] for at in range(0, len(data), size))
        if broken is not None:
            raise broken

    return list(records(blocks(), LONGEST))


def plain(one: Record) -> tuple:
    return (*one[:4], one.problem and (one.problem.reason, one.problem.detail))


def reasons(found: list[Record]) -> list[str | None]:
    return [one.problem.reason if one.problem else None for one in found]


@given(
    bodies=st.lists(BODIES, min_size=1, max_size=6),
    size=st.integers(1, 400),
    kind=st.sampled_from(["warc", "arc"]),
)
def test_true_records_come_back_whole_whatever_the_blocks(bodies: list[bytes], size: int, kind: str):
    """Records within bodies among them: a length that is right is believed."""
    made = (
        [record("response", body) for body in bodies]
        if kind == "warc"
        else [arc_record(body) for body in bodies]
    )
    ends = 4 if kind == "warc" else 1
    data = warc(*made) if kind == "warc" else arc(*made)
    found = cut(data, size)[1:]
    assert [one.data for one in found] == [one[:-ends] for one in made]
    starts = [len(data) - len(b"".join(made[index:])) for index in range(len(made))]
    assert [one.position for one in found] == starts
    assert set(reasons(found)) == {None}


@given(data=st.binary(max_size=400), size=st.integers(1, 100), seed=st.randoms())
def test_no_byte_is_lost_and_none_told_twice(data: bytes, size: int, seed):
    """Right records, garbage between them, bytes changed and cut anywhere."""
    mixed = bytearray(warc(response(b"one"), response(b"two")) + data + response(b"three") + arc_record(data))
    for _ in range(seed.randrange(4)):
        mixed[seed.randrange(len(mixed))] = seed.randrange(256)
    whole = bytes(mixed[: seed.randrange(len(mixed) + 1)])
    found = cut(whole, size)
    assert list(map(plain, found)) == list(map(plain, cut(whole)))
    at = 0
    for one in found:
        assert not whole[at : one.position].strip(b"\r\n")
        assert whole[one.position :].startswith(one.data)
        at = one.position + one.size
    assert not whole[at:].strip(b"\r\n")


A, B, C = response(b"first"), response(page("海天一色")), response(b"third")
LIES = {
    "too short": (response(page("海"), length=60), "wrong_length"),
    "too long": (response(b"x" * 50, length=300), "wrong_length"),
    "far too long": (response(b"x" * 50, length=10**15), "wrong_length"),
    "no length": (C.replace(b"Content-Length", b"Content-Girth"), "broken_header"),
    "negative": (C.replace(b"Content-Length: ", b"Content-Length: -"), "broken_header"),
    "no number": (C.replace(b"Content-Length: ", b"Content-Length: x"), "broken_header"),
    "two lengths": (
        C.replace(b"Content-Length: ", b"Content-Length: 3\r\nContent-Length: 1"),
        "broken_header",
    ),
    "no end of the header": (
        b"WARC/1.0\r\nWARC-Type: response\r\n" + b"a" * 70_000 + b"\r\n",
        "broken_header",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_one_row_and_the_records_around_it_live(name: str):
    lie, reason = LIES[name]
    found = cut(A + B + lie + A + B)
    assert reasons(found) == [None, None, reason, None, None]
    assert found[2].position == len(A + B)
    assert found[2].data == lie[: len(found[2].data)]


def test_what_is_no_archive_is_one_row():
    assert reasons(cut(b"<html>no archive</html>\n" * 9)) == ["stray_bytes"]
    found = cut(b"stray\n" * 30_000 + A)
    assert reasons(found) == ["stray_bytes", None]
    assert (found[0].size, found[1].position) == (180_000, 180_000)


def test_a_file_that_ends_within_a_record_says_so():
    assert reasons(cut(A + B[:-30])) == [None, "truncated_record"]
    assert reasons(cut(A + B[:40])) == [None, "broken_header"]


@pytest.mark.parametrize("size", [0, 10, 200, 1000])
def test_where_an_archive_breaks_off_the_record_at_hand_says_why(size: int):
    found = cut((A + B)[: len(A) + size], broken=Broken("truncated_archive", "ends within a member"))
    whole = len(A) + size >= len(A + B)
    assert reasons(found) == ([None, None, "truncated_archive"] if whole else [None, "truncated_archive"])
    assert found[-1].position == (len(A + B) if whole else len(A))


def test_a_record_longer_than_asked_for_is_kept_by_its_beginning():
    long = response(b"a" * 3_000_000)
    found = cut(A + long + B)
    assert reasons(found) == [None] * 3
    assert (found[1].size, found[1].data) == (len(long), long[: 128 << 10])
    assert reasons(cut(A + long[:-5])) == [None, "truncated_record"]
    assert reasons(cut(A + response(b"a" * 3_000_000, length=4_000_000) + B)) == [None, "wrong_length", None]


def test_lines_may_end_with_lf_alone():
    lf = record("response", b"one").replace(b"\r\n", b"\n")
    assert reasons(cut(lf * 3)) == [None] * 3


def test_blank_lines_and_none_between_records_are_no_trouble():
    body = record("response", b"a")
    found = cut(body[:-4] + body + b"\r\n" * 5000 + body)
    assert reasons(found) == [None] * 3


def test_an_arc_file_is_known_by_its_first_record():
    bad = arc_record(b"", length=-1) + arc_record(b"", length="abc")
    found = cut(
        arc(arc_record(http(b"one")), bad, arc_record(http(b"two"), url="http://a.example/with a space"))
    )
    assert reasons(found) == [None, None, "broken_header", "broken_header", None]
    assert b"two" in found[-1].data


def test_positions_ascend_without_gaps():
    found = cut(b"".join(itertools.chain([A], *([lie, B] for lie, _ in LIES.values()))))
    assert [one.position for one in found] == sorted({one.position for one in found})
    assert reasons(found).count(None) == 1 + len(LIES)
