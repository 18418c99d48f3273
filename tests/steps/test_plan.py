"""Which files an input has."""

from pathlib import Path

from pipeline.steps.plan import list_files


def test_a_folder_has_what_its_links_have_too_and_no_circle_ends_it(tmp_path: Path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/b.txt").write_text("b")
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/a.txt").write_text("a")
    (tmp_path / "in/.hidden").write_text("h")
    (tmp_path / "in/linked").symlink_to(tmp_path / "far")
    (tmp_path / "in/deep/circle").symlink_to("..")
    root, found = list_files(f"{tmp_path}/in")
    assert root == f"{tmp_path}/in"
    assert sorted(found) == [f"{tmp_path}/in/a.txt", f"{tmp_path}/in/linked/b.txt"]
