"""Lists of files: any folder listed, verified, split evenly and stably, compared."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ship import files
from pipeline.ship.files import File, Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "raw"
    for name, data in {
        "b/2.jsonl": "two",
        "a.jsonl": "one",
        "网页/三.jsonl": "three",
        ".hidden": "x",
        "notes.txt": "n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(data)
    pq.write_table(pa.table({"x": [1, 2, 3]}), root / "t.parquet")
    return root


def test_a_folder_is_listed_sorted_with_sizes_digests_and_rows(folder: Path):
    found = files.digested(files.scan(str(folder), ("*.jsonl", "*.parquet")))
    assert [(one.path, one.rows) for one in found.files] == [
        ("a.jsonl", None),
        ("b/2.jsonl", None),
        ("t.parquet", 3),
        ("网页/三.jsonl", None),
    ]
    assert found.files[0].bytes == 3
    assert found.files[0].sha256 == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"


@pytest.mark.parametrize("name", ["list.json", "list.parquet"])
def test_a_list_is_read_as_it_was_written_and_finds_its_files_from_anywhere(
    folder: Path, name: str, monkeypatch
):
    found = files.digested(files.scan(str(folder)))
    path = folder.parent / name
    files.save(found, str(path))
    monkeypatch.chdir("/")
    again = files.load(str(path))
    assert again.files == found.files
    assert list(files.verify(again)) == []


def test_listing_again_gives_the_same_bytes(folder: Path, tmp_path: Path):
    for name in ("one.json", "two.json"):
        files.save(files.digested(files.scan(str(folder))), str(tmp_path / name))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_flipped_bit_a_missing_and_an_extra_file_are_named(folder: Path):
    found = files.digested(files.scan(str(folder), ("*.jsonl",)))
    (folder / "a.jsonl").write_text("onf")
    (folder / "b/2.jsonl").unlink()
    (folder / "网页/三.jsonl").write_text("three!")
    (folder / "c.jsonl").write_text("")
    assert list(files.verify(found)) == [
        "a.jsonl: its SHA-256 is not the one in the list",
        "b/2.jsonl: missing",
        "网页/三.jsonl: 6 bytes, the list says 5",
        "c.jsonl: extra, the list does not name it",
    ]


sizes = st.lists(st.integers(0, 10**9), max_size=40)


@given(sizes, st.integers(1, 9))
def test_a_split_loses_nothing_and_is_even(given_sizes: list[int], parts: int):
    """Longest first to the least loaded: no part is above the mean by more than the largest file."""
    whole = Files("r", tuple(File(f"{number:03d}", size) for number, size in enumerate(given_sizes)))
    found = files.split(whole, parts)
    assert {one.path for part in found for one in part.files} == {one.path for one in whole.files}
    assert sum(len(part.files) for part in found) == len(whole.files)
    mean = whole.bytes / parts
    assert max(part.bytes for part in found) <= mean + max(given_sizes, default=0)
    assert files.split(Files("r", whole.files[::-1]), parts) == found


def test_what_happened_between_two_lists():
    one = Files("r", (File("a", 1, "A"), File("b", 1, "B"), File("c", 1, "C"), File("d", 1, "D")))
    two = Files("r", (File("a", 1, "A"), File("b", 1, "X"), File("e", 1, "C"), File("f", 9, "F")))
    found = files.diff(one, two)
    assert (found.added, found.removed, found.changed, found.moved) == (("f",), ("d",), ("b",), (("c", "e"),))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": "other"}', '{"format": "winnow-files", "schema": 1, "files": [{"x": 1}]}']
)
def test_what_is_no_list_is_refused_with_its_name(tmp_path: Path, text: str):
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(files.FilesError, match=r"list\.json: "):
        files.load(str(tmp_path / "list.json"))


def test_a_folder_without_a_match_is_refused(folder: Path):
    with pytest.raises(files.FilesError, match=r"none of its 5 files matches \*\.csv"):
        files.scan(str(folder), ("*.csv",))


def test_a_hundred_thousand_files_are_stated_without_opening_one(tmp_path: Path, monkeypatch):
    """A tenth of them here; what would take minutes is opening each."""
    for number in range(10_000):
        (tmp_path / f"{number}").touch()
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("opened a file"))
    assert len(files.scan(str(tmp_path)).files) == 10_000


def test_the_paths_of_a_list_hold_nothing_of_the_machine(folder: Path):
    files.save(files.scan(str(folder)), str(folder.parent / "list.json"))
    fields = json.loads((folder.parent / "list.json").read_text())
    assert fields["root"] == "raw"
    assert not any(os.path.isabs(one["path"]) for one in fields["files"])
