"""What is done with a finished run works where the run lies in a bucket: report, difference, export, feed, takedown; equal to a disk's."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline import ledger
from pipeline.data.objects import ObjectStore
from pipeline.feed.packs import packs
from pipeline.feed.stream import Feed
from pipeline.ledger.account import account
from pipeline.ledger.export import Choice, export
from pipeline.ledger.takedown import state, take_down
from pipeline.report import report
from pipeline.report.diff import diff
from pipeline.report.diff_page import diff_page
from pipeline.run.driver import Settings
from pipeline.run.folder import locked
from pipeline.ship import formats
from tests import plain, world
from tests.buckets import Bucket

SETTINGS = Settings(piece_bytes=1 << 15)


@dataclass(frozen=True)
class Both:
    """One run on a disk and in a bucket, for which all answers are to be equal."""

    folder: Path
    disk: str
    url: str


@pytest.fixture(scope="module")
def both(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = world.make(tmp_path_factory.mktemp("world"), files=1, rows=40)
    found = Both(folder, f"{folder}/out", f"{bucket.url}/books/out")
    for place in (found.disk, found.url):
        plain.run(world.recipe(folder, path=place), SETTINGS)
    return found


def digests(folder: str) -> dict[str, str]:
    return {
        name.removeprefix("./"): hashlib.md5(data).hexdigest() for name, data in world.listing(folder).items()
    }


def test_report_and_difference(both: Both):
    on_disk, in_bucket = (ledger.open_run(place) for place in (both.disk, both.url))
    one, other = report(in_bucket), report(on_disk)
    assert up_to_times(one.replace(both.url, "")) == up_to_times(other.replace(both.disk, ""))
    assert "<svg" in diff_page(diff(in_bucket, in_bucket))


def up_to_times(page: str) -> str:
    """All but the last section, which tells how long each step took."""
    before, found, _ = page.partition('id="run"')
    assert found
    return before


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_documents_go_from_a_bucket_to_a_bucket(both: Both, tmp_path: Path, form: str):
    target = f"{both.url}-{form}"
    done = export(ledger.open_run(both.url), target, form, "text", Choice())
    assert done == export(ledger.open_run(both.disk), str(tmp_path / "there"), form, "text", Choice())
    assert digests(target) == digests(str(tmp_path / "there"))
    with pytest.raises(FileExistsError, match="is there already"):
        export(ledger.open_run(both.url), target, form, "text", Choice())


def test_packs_go_from_a_bucket_to_a_bucket(both: Both, tmp_path: Path):
    formats.export(both.url, "megatron", f"{both.url}-megatron")
    formats.export(both.disk, "megatron", str(tmp_path / "there"))
    assert digests(f"{both.url}-megatron") == digests(str(tmp_path / "there"))


def test_a_trainer_is_fed_from_a_bucket(both: Both):
    for one, other in zip(Feed(both.disk, batch=8, epochs=1), Feed(both.url, batch=8, epochs=1), strict=True):
        assert np.array_equal(one.tokens, other.tokens)
    assert len(list(packs(both.url))) == len(list(packs(both.disk)))


def test_a_takedown_leaves_in_a_bucket_what_it_leaves_on_a_disk(both: Both):
    left = []
    for place in (both.disk, both.url):
        run = ledger.open_run(place)
        rows = (row for piece in run.pieces for row in run.decisions(piece).to_pylist() if row["copies"])
        asked = [("id", next(rows)["id"].hex())]
        with locked(run.store):
            take_down(run, *state(run, asked), f"{both.folder}/tokenizer.json", walk=plain.walk)
        after = ledger.open_run(place)
        assert [line for line in account(after) if line.wrong or line.missing] == []
        left.append(
            (world.digests(place), sorted(ObjectStore(place).list("shards")) if place == both.url else None)
        )
    assert left[0][0] == left[1][0]
    assert {name for name, _ in left[1][0]["shards"].items()} == set(left[1][1] or ())
