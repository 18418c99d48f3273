"""Lists that a user brings, and what of them stands in a key."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.data.keys import describe, digest
from pipeline.data.lists import entries


@dataclass(frozen=True)
class Listed:
    list: str = ""
    other: str = ""

    files = ("list",)
    version = 1


def test_entries_are_lines_stripped_each_once(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeff# words\n one \r\ntwo words\n\n二\none\n".encode())
    assert entries(str(path)) == ("one", "two words", "二")


def test_a_changed_list_is_read_again(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_text("one")
    assert entries(str(path)) == ("one",)
    path.write_text("three")
    assert entries(str(path)) == ("three",)


def test_what_cannot_be_a_list_is_named_with_its_line(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"one\ntwo\n\xff\n")
    with pytest.raises(ValueError, match=r"list.txt:3: not UTF-8"):
        entries(str(path))
    path.write_bytes(b"# nothing\n")
    with pytest.raises(ValueError, match="no entries; write one a line"):
        entries(str(path))


def test_a_key_holds_what_is_in_a_file_and_not_where_it_lies(tmp_path: Path):
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("same")
    other.write_text("same")
    key = digest(describe(Listed(str(one))))
    assert digest(describe(Listed(str(other)))) == key
    other.write_text("changed")
    assert digest(describe(Listed(str(other)))) != key
    assert digest(describe(Listed(str(one), other="same"))) != key
    assert describe(Listed())["fields"]["list"] == ""


def test_a_missing_file_is_named_with_the_cure():
    with pytest.raises(
        ValueError, match="list: cannot read 'nowhere.txt'.*relative to where winnow is called"
    ):
        describe(Listed("nowhere.txt"))
