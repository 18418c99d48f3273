import bz2
import gzip
import itertools
import struct
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.ids import COMPRESSIONS
from pipeline.readers import Extent, count_records, raw_digest, read
from pipeline.readers.archives import MEMBERS, blocks
from pipeline.readers.raw import Raw
from pipeline.readers.shape import Broken
from tests.readers.memory import jsonl, opener, reading_of, rows

Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": bz2.compress,
}
RECORDS = [{"text": f"第{n}行 " + "the sea is wide " * (n % 7 + 1), "n": n} for n in range(300)]
DATA = jsonl(*RECORDS)

every_pack = pytest.mark.parametrize(("suffix", "pack"), PACKS.items(), ids=PACKS)


def test_what_ids_pass_over_is_what_is_unpacked():
    assert set(MEMBERS) == set(COMPRESSIONS)


@every_pack
def test_packed_or_plain_a_file_gives_the_same_rows(suffix: str, pack: Pack):
    packed, path = pack(DATA), f"a.jsonl{suffix}"
    found = rows(packed, path=path)
    assert found.documents == rows(DATA).documents
    assert len(found.documents) == 300
    assert not found.quarantine
    assert found.total.digest == raw_digest(Extent("x", "x"), opener({"x": packed}))
    assert count_records(Extent(path, path), reading_of(), opener({path: packed})) == 300


@every_pack
def test_members_one_after_another_are_one_file(suffix: str, pack: Pack):
    """Empty ones, and ones that end within a line, among them."""
    edges = [0, 0, 1, 700, 701, 5000, len(DATA)]
    packed = b"".join(pack(DATA[a:b]) for a, b in itertools.pairwise(edges)) + pack(b"")
    found = rows(packed, path=f"a.jsonl{suffix}")
    assert (found.documents, found.quarantine) == (rows(DATA).documents, [])


def test_skippable_frames_hold_no_text():
    """As pzstd and seekable archives write them."""
    skip = struct.pack("<II", 0x184D2A50, 5) + b"table"
    packed = skip + PACKS[".zst"](DATA[:700]) + skip + PACKS[".zst"](DATA[700:]) + skip
    assert rows(packed, path="a.jsonl.zst")[:2] == rows(DATA)[:2]


@every_pack
@settings(max_examples=25)
@given(share=st.floats(0, 1, exclude_max=True))
def test_an_archive_that_ends_early_gives_its_whole_records_and_one_row(
    suffix: str, pack: Pack, share: float
):
    packed, path = pack(DATA), f"a.jsonl{suffix}"
    cut = packed[: max(1, int(len(packed) * share))]
    found = rows(cut, path=path)
    kept = len(found.documents)
    assert found.documents == rows(DATA).documents[:kept]
    (row,) = found.quarantine
    assert (row["reason"], row["detail"]) == ("truncated_archive", "ends within a member")
    assert row["position"] == len(jsonl(*RECORDS[:kept]))
    assert DATA[row["position"] :].decode().startswith(row["excerpt"].rstrip("\ufffd"))
    assert (
        count_records(Extent(path, path), reading_of(), opener({path: cut}))
        == kept + 1
        == found.total.records
    )
    assert found.total.digest == raw_digest(Extent(path, path), opener({path: cut}))


def test_a_cut_archive_gives_all_that_can_be_unpacked():
    """As much as zlib itself gets out of it, to the last whole line."""
    packed = gzip.compress(DATA)
    cut = packed[: len(packed) // 2]
    there = zlib.decompressobj(wbits=31).decompress(cut)
    assert len(rows(cut, path="a.jsonl.gz").documents) == there.count(b"\n") > 20


@every_pack
def test_bytes_after_the_last_member_are_told_and_nothing_is_lost(suffix: str, pack: Pack):
    packed = pack(DATA) + b"garbage, and not a member"
    found = rows(packed, path=f"a.jsonl{suffix}")
    assert found.documents == rows(DATA).documents
    assert found.reasons == ["truncated_archive"]
    assert found.quarantine[0]["detail"]
    assert found.total.digest == raw_digest(Extent("x", "x"), opener({"x": packed}))


@every_pack
@settings(max_examples=25)
@given(data=st.data())
def test_a_flipped_byte_never_raises_and_the_books_balance(suffix: str, pack: Pack, data: st.DataObject):
    packed, path = bytearray(pack(DATA)), f"a.jsonl{suffix}"
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    files = opener({path: bytes(packed)})
    found = rows(bytes(packed), path=path)
    assert found.total.records == len(found.documents) + len(found.quarantine)
    assert count_records(Extent(path, path), reading_of(), files) == found.total.records


@every_pack
def test_a_file_without_bytes_is_empty_whatever_its_name(suffix: str, pack: Pack):
    for data in (b"", pack(b"")):
        found = rows(data, path=f"a.jsonl{suffix}")
        assert (found.documents, found.reasons, found.total.records) == ([], ["empty_file"], 1)


def test_a_file_that_is_no_archive_despite_its_name_is_one_row():
    for suffix in PACKS:
        assert rows(DATA, path=f"a.jsonl{suffix}").reasons == ["truncated_archive"]


@pytest.mark.parametrize(("suffix", "most"), [(".gz", 2 << 20), (".zst", 20 << 20), (".bz2", 3 << 20)])
def test_a_block_stays_small_where_much_comes_of_little(suffix: str, most: int):
    packed = PACKS[suffix](bytes(100 << 20))
    assert len(packed) < 200_000
    with Raw(Extent(f"a{suffix}", "a"), opener({f"a{suffix}": packed})) as raw:
        sizes = [len(block) for block in blocks(raw)]
    assert sum(sizes) == 100 << 20
    assert max(sizes) <= most


def test_an_archive_is_never_cut():
    with pytest.raises(ValueError, match="an archive is read whole"):
        list(read(Extent("a.jsonl.gz", "a.jsonl.gz", 5), reading_of(), opener({"a.jsonl.gz": b""})))


def test_blocks_before_a_broken_place_are_given_first():
    packed = PACKS[".zst"](b"first") + b"?"
    with Raw(Extent("a.zst", "a.zst"), opener({"a.zst": packed})) as raw:
        stream = blocks(raw)
        assert next(stream) == b"first"
        with pytest.raises(Broken, match="truncated_archive"):
            next(stream)
