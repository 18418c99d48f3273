"""What holds for every reader and every input."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import READERS, Extent, Reading, count_records, format_of, raw_digest
from tests.readers.memory import collect, from_disk, jsonl, opener, reading_of, rows

SUFFIXES = ("jsonl", "txt", "warc", "arc", "html", "md", "py")
PATHS = [f"a.{kind}{pack}" for kind in SUFFIXES for pack in ("", ".gz", ".zst", ".bz2")] + ["a.parquet"]
MAGIC = [
    b"",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"\x28\xb5\x2f\xfd",
    b"BZh91AY&SY",
    b'{"text":"',
    b"\xef\xbb\xbf",
    b"\n{}\n",
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 20\r\n\r\nHTTP/1.1 200 OK\r\n",
    b"filedesc://a 1.1.1.1 20240101000000 text/plain 0\n\nhttp://a 1.1.1.1 20240101000000 text/html 9\nHTTP/1.1 ",
    b"<html><body><p>",
    b"---\na: b\n---\n",
    b"PAR1",
]


@settings(max_examples=500, deadline=None)
@given(path=st.sampled_from(PATHS), magic=st.sampled_from(MAGIC), data=st.binary(max_size=200))
def test_no_bytes_raise_and_the_books_balance(path: str, magic: bytes, data: bytes):
    files, reading = opener({path: magic + data}), reading_of(format_of(path) or "")
    found, extent = collect(Extent(path, path), reading, files), Extent(path, path)
    ids = [row["id"] for row in found.documents], [row["id"] for row in found.quarantine]
    assert all(one == sorted(one) for one in ids)
    told = len({*ids[0], *ids[1]}) + sum(found.total.passed_over.values())
    assert told == found.total.records == count_records(extent, reading, files)
    assert not {"parser_died", "timeout"} & set(found.reasons)
    assert found.total.digest == raw_digest(extent, files)


@pytest.mark.parametrize("format_", READERS)
def test_a_file_that_is_gone_or_a_folder_is_one_row(tmp_path: Path, format_: str):
    for path, detail in [(tmp_path / "gone", "No such file or directory"), (tmp_path, "Is a directory")]:
        extent, reading = Extent(str(path), "a/b"), reading_of(format_)
        found = collect(extent, reading, from_disk)
        assert (found.documents, found.reasons) == ([], ["unreadable_file"])
        assert (found.quarantine[0]["file"], found.quarantine[0]["detail"]) == ("a/b", detail)
        assert count_records(extent, reading, from_disk) == 1
        assert raw_digest(extent, from_disk) == found.total.digest


class FailingDisk(io.BytesIO):
    """Reads the first 1 MiB, then no more."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_midway_gives_all_records_before(tmp_path: Path):
    data = jsonl(*({"text": "海" * 1000, "n": n} for n in range(500)))
    whole = data[: 1 << 20].count(b"\n")

    def open_(_path: str) -> BinaryIO:
        return FailingDisk(data)

    found = collect(Extent("a", "a"), reading_of(), open_)
    assert len(found.documents) == whole
    assert [(row["reason"], row["detail"]) for row in found.quarantine] == [
        ("unreadable_file", "Input/output error")
    ]
    assert found.quarantine[0]["position"] == data[: 1 << 20].rfind(b"\n") + 1
    assert count_records(Extent("a", "a"), reading_of(), open_) == whole + 1
    assert raw_digest(Extent("a", "a"), open_) == found.total.digest
    assert found.total.digest != raw_digest(Extent("a", "a"), opener({"a": data}))


def test_a_name_that_is_no_utf8_is_shown_with_escapes():
    name = os.fsdecode(b"caf\xe9.jsonl")
    assert rows(b"x\n", path=name).quarantine[0]["file"] == "caf\\udce9.jsonl"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "pdf"}, "unknown format 'pdf'"),
        ({"max_bytes": 0}, "max_bytes 0"),
        ({"columns": (("url", "string"),)}, "'url' has the name of another column"),
        ({"columns": (("text", "string"),)}, "'text' has the name of another column"),
        ({"columns": (("a", "string"), ("a", "int32"))}, "'a' has the name of another column"),
        ({"columns": (("a", "date"),)}, "unknown type 'date'"),
    ],
)
def test_a_reading_that_cannot_be_is_refused(fields: dict, message: str):
    with pytest.raises(ValueError, match=message):
        Reading(**{"name": "web", "source": "web", "format": "jsonl", **fields})


def test_formats_are_told_by_suffix():
    kinds = {
        "a.jsonl": "jsonl",
        "b/a.ndjson.gz": "jsonl",
        "a.json.zst": "jsonl",
        "a.txt": "text",
        "a.text.bz2": "text",
    }
    assert {path: format_of(path) for path in kinds} == kinds
    assert [format_of(path) for path in ("a.pdf", "a.gz", "jsonl", "a.txt.zip")] == [None] * 4


FLAT = """
import resource, sys
from pipeline.readers import Extent, Reading, read

class Endless:
    left = 50 << 20
    def read(self, size):
        size = min(size, self.left)
        self.left -= size
        return b"a" * size
    def seek(self, at): pass
    def close(self): pass

reading = Reading("web", "web", sys.argv[1], max_bytes=1000)
list(read(Extent("warm", "warm"), reading, lambda path: __import__("io").BytesIO(b"{}")))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(part,) = read(Extent("a", "a"), reading, lambda path: Endless())
print(part.quarantine["reason"].to_pylist(), len(part.quarantine["excerpt"][0].as_py()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("format_", ["jsonl", "text", "html", "markdown", "code", "warc"])
def test_a_record_far_above_the_limit_is_passed_over_in_flat_memory(format_: str):
    """50 MiB without a newline; the process grows by less than 8 MiB."""
    ran = subprocess.run([sys.executable, "-c", FLAT, format_], capture_output=True, text=True, check=True)
    shown, kib = ran.stdout.splitlines()
    assert shown == ("['stray_bytes'] 200" if format_ == "warc" else "['too_large'] 200")
    assert int(kib) < 8 << 10


@pytest.mark.shared
@pytest.mark.parametrize("name", ["en_nltk_speeches", "zh_poetry", "tldr_pages"])
def test_real_corpora_are_read_whole(shared: Path, name: str):
    extent, reading = (
        Extent(str(shared / f"corpus/{name}.jsonl.zst"), name),
        reading_of(columns=(("lang", "string"),)),
    )
    found = collect(extent, reading, from_disk)
    assert not found.quarantine
    assert len(found.documents) == {"en_nltk_speeches": 92, "zh_poetry": 22100, "tldr_pages": 12897}[name]
    assert count_records(extent, reading, from_disk) == len(found.documents)
    assert all(row["lang"] for row in found.documents)
