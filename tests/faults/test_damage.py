"""A file or receipt with one bit flipped, cut short or gone: found, named, and made anew by `--repair`, to the same bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.data import receipts
from pipeline.data.store import LocalStore
from pipeline.run.driver import Settings
from pipeline.run.repair import repair
from tests import plain, world

SETTINGS = Settings(piece_bytes=1 << 15)
KINDS = (
    "documents/", "columns/", "marks/", "tokens/", "statistics/", "decisions/", "shards/", "quarantine/",
    "receipts/ingest/", "receipts/columns/", "receipts/marks/", "receipts/tokens/", "receipts/decisions/",
    "receipts/shards/", "receipts/packs/", "receipts/statistics/",
)  # fmt: skip

RARE = ("statistics/", "decisions/", "quarantine/", *KINDS[10:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = world.make(tmp_path_factory.mktemp("world"), files=1, rows=40)
    plain.run(world.recipe(made), SETTINGS)
    return made


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose(path: Path) -> None:
    path.unlink()


def harms() -> Iterator[Any]:
    """A flip of each kind of file in `make test`, every cut in `make soak`."""
    for kind in KINDS:
        yield pytest.param(kind, flip, marks=pytest.mark.soak if kind in RARE else ())
        yield pytest.param(kind, cut, marks=pytest.mark.soak if kind != "documents/" else ())


@pytest.mark.parametrize(("kind", "harm"), list(harms()))
def test_what_is_damaged_is_named_and_made_anew(folder: Path, kind: str, harm: Callable[[Path], None]):
    out = folder / "out"
    before = world.listing(out)
    name = next(one for one in LocalStore(str(out)).list(kind.rstrip("/")))
    harm(out / name)
    assert [line.partition(":")[0] for line in repair(LocalStore(str(out)))] == [name]
    plain.run(world.recipe(folder), SETTINGS)
    assert world.listing(out) == before


def test_a_missing_file_is_named_and_a_sound_folder_is_left_alone(folder: Path):
    out = folder / "out"
    before = world.listing(out)
    assert list(repair(LocalStore(str(out)))) == []
    assert world.listing(out) == before
    name = next(one for one in before if one.startswith("columns/"))
    lose(out / name)
    assert list(repair(LocalStore(str(out)))) == [f"{name}: missing"]
    plain.run(world.recipe(folder), SETTINGS)
    assert world.listing(out) == before


def test_a_number_in_a_receipt_that_still_reads_is_found(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    receipts.publish(store, receipts.Receipt("a/b", {"rows": 40}))
    path = tmp_path / "receipts/a/b.json"
    path.write_text(path.read_text().replace("40", "41"))
    with pytest.raises(
        ValueError, match=r"receipts/a/b.json: damaged receipt \(its check differs\); run with --repair"
    ):
        receipts.get(store, "a/b")
