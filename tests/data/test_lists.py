"""Lists that a user brings, and what of them stands in a key."""

from pathlib import Path

import pytest

from pipeline.data.keys import describe, digest
from pipeline.data.lists import entries
from pipeline.measures.urls import ListedUrl
from pipeline.measures.word_lists import ListedWords


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


def test_several_lists_are_one(tmp_path: Path):
    (tmp_path / "b.txt").write_text("one\ntwo\n")
    (tmp_path / "a.txt").write_text("two\nthree\n")
    assert entries(f"{tmp_path}/*.txt") == ("two", "three", "one")
    with pytest.raises(ValueError, match="no file matches"):
        entries(str(tmp_path / "none.txt"))


def test_a_measures_key_holds_what_is_in_its_lists_and_not_where_they_lie(tmp_path: Path):
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("same")
    other.write_text("same")
    key = digest(describe(ListedWords(str(one))))
    assert digest(describe(ListedWords(str(other)))) == key
    other.write_text("changed")
    assert digest(describe(ListedWords(str(other)))) != key
    assert describe(ListedUrl())["fields"]["lists"] == []
