"""Files that stages load: found beside the recipe, told apart by content."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.data.files import contents, located, matching
from pipeline.data.keys import describe


@dataclass(frozen=True)
class Loads:
    words: str | tuple[str, ...]
    limit: int = 3

    files = ("words",)
    version = 1


@dataclass(frozen=True)
class Plain:
    words: str = "a.txt"

    version = 1


def test_relative_paths_begin_at_the_recipe_and_absolute_ones_stay():
    assert located(Loads("a/*.txt"), "/recipes") == Loads("/recipes/a/*.txt")
    assert located(Loads(("a.txt", "/b.txt")), "/recipes") == Loads(("/recipes/a.txt", "/b.txt"))
    assert located(Loads("a.txt"), "") == Loads("a.txt")
    assert located(Plain(), "/recipes") == Plain()


def test_a_pattern_finds_compressed_files_and_a_folder_all_in_it(tmp_path: Path):
    for name in ("b.jsonl", "a.jsonl.zst", "c.txt", ".hidden", "[x].jsonl"):
        (tmp_path / name).write_text(name)
    names = [os.path.basename(path) for path in matching(f"{tmp_path}/*.jsonl")]
    assert names == ["[x].jsonl", "a.jsonl.zst", "b.jsonl"]
    assert len(matching(str(tmp_path))) == 4
    assert matching((f"{tmp_path}/b.jsonl", f"{tmp_path}/*.jsonl"))[-1] == f"{tmp_path}/b.jsonl"


def test_nothing_found_is_an_error_that_names_the_cure(tmp_path: Path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(
        ValueError, match=r"no file matches '.*/x\.jsonl'; a relative path begins where the recipe lies"
    ):
        matching((str(tmp_path), f"{tmp_path}/x.jsonl"))
    with pytest.raises(ValueError, match="no file matches"):
        matching(str(tmp_path / "x"))


def test_a_key_holds_what_the_files_hold_whatever_they_are_called(tmp_path: Path):
    one, other = tmp_path / "one.txt", tmp_path / "deep" / "other.txt"
    other.parent.mkdir()
    one.write_text("words")
    other.write_text("words")
    assert describe(Loads(str(one))) == describe(Loads((str(other),)))
    assert str(tmp_path) not in str(describe(Loads(str(one))))
    other.write_text("other words")
    assert describe(Loads(str(one))) != describe(Loads(str(other)))
    assert contents((str(one), str(other))) == contents((str(other), str(one)))
