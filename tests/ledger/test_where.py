"""Every pack says whose tokens it holds, and `why` says the same from the other side."""

from collections import Counter

import pytest

from pipeline import ledger
from pipeline.ledger.where import find_shard, pool, spans
from pipeline.ledger.why import Life, by_id
from tests import plain, world


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> ledger.Run:
    folder = world.make(tmp_path_factory.mktemp("world"), files=1, rows=30)
    plain.run(world.recipe(folder))
    return ledger.open_run(str(folder / "out"))


def test_the_packs_hold_every_span_of_every_copy_once(opened: ledger.Run):
    found = Counter[tuple[str, int]]()
    for shard in opened.manifest["shards"]:
        for pack in range(shard["packs"]):
            for one in spans(opened, shard["path"], pack):
                found[one.id, one.copy] += one.stop - one.start
    rows = [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]
    assert found == {(row["id"].hex(), copy): row["tokens"] for row in rows for copy in range(row["copies"])}


def test_where_and_why_agree(opened: ledger.Run):
    shard = opened.manifest["shards"][0]["path"]
    one = spans(opened, shard, 0)[0]
    life = by_id(opened, bytes.fromhex(one.id))
    assert isinstance(life, Life)
    assert (life.origin.file, life.origin.position, life.origin.url) == (one.file, one.position, one.url)
    assert any(
        (at.shard, at.pack, at.start, at.stop) == (shard, 0, one.start, one.stop) for at in life.places
    )


def test_a_shard_is_found_by_path_name_and_pool(opened: ledger.Run):
    path = opened.manifest["shards"][-1]["path"]
    assert (
        find_shard(opened, path)
        == find_shard(opened, path.rpartition("/")[2])
        == find_shard(opened, str(pool(path)))
        == path
    )


def test_what_is_not_there_is_said(opened: ledger.Run):
    with pytest.raises(ledger.LedgerError, match="no shard '99'; `winnow manifest list"):
        find_shard(opened, "99")
    shard = opened.manifest["shards"][0]
    with pytest.raises(
        ledger.LedgerError, match=f"has packs 0 to {shard['packs'] - 1}, not {shard['packs']}"
    ):
        spans(opened, shard["path"], shard["packs"])
