"""The manifest says what the shards are, and `verify` finds all that they no longer are."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import __version__
from pipeline.data.schemas import SCHEMA_VERSION
from pipeline.ship import manifest
from pipeline.ship.manifest import verify
from pipeline.ship.tokenize import Tokenizer
from tests.ship.made import END, PAD, folder, rows


@pytest.fixture
def out(tmp_path: Path, encoder: Tokenizer) -> Path:
    """Two shards of 40 documents each, 10 tokens long."""
    pools = [rows((number, 0, [number] * 10) for number in range(start, start + 40)) for start in (0, 40)]
    folder(tmp_path / "out", encoder, pools)
    return tmp_path / "out"


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def change(out: Path, **fields: object) -> None:
    path = out / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_it_says_how_to_read_the_shards(out: Path, encoder: Tokenizer):
    read = manifest.read(str(out))
    assert (read["format"], read["schema"], read["code"]) == ("winnow-packs", SCHEMA_VERSION, __version__)
    assert (read["key"], read["recipe"], read["run"]) == ("key", "inputs: []", {"plan": "plans/1.json"})
    assert read["tokens"] == {
        "pack_tokens": 32,
        "aligned": "L",
        "dtype": "uint16",
        "vocabulary": 1500,
        "tokenizer": encoder.digest,
        "engine": encoder.engine,
        "end_token": {"text": END, "id": encoder.token_id(END)},
        "pad_token": {"text": PAD, "id": encoder.token_id(PAD)},
    }


def test_totals_are_sums_over_the_shards(out: Path):
    read = manifest.read(str(out))
    totals, sizes = read["totals"], [path.stat().st_size for path in (out / "shards").iterdir()]
    assert totals["tokens"] == 800
    assert totals["documents"] == 80
    assert totals["packs"] == sum(shard["packs"] for shard in read["shards"]) == 28
    assert totals["padding"] == 28 * 32 - 800
    assert totals["bytes"] == sum(sizes)
    assert totals["tokens_by_source"] == {"a": 400, "b": 400}


def test_the_table_of_shards_says_the_same(out: Path):
    listed = manifest.read(str(out))["shards"]
    table = pq.read_table(out / "shards.parquet").to_pylist()
    assert [{**row, "tokens_by_source": dict(row["tokens_by_source"])} for row in table] == [
        {name: shard[name] for name in manifest.SHARDS.names} for shard in listed
    ]


def test_nothing_is_wrong_with_what_was_just_written(out: Path):
    assert verify(str(out)) == []


@pytest.mark.parametrize("at", [4, 700, -1])
def test_a_flipped_bit_is_found_wherever_it_is(out: Path, at: int):
    flip(out / "shards" / "00001.parquet", at)
    assert verify(str(out)) == ["shards/00001.parquet: its SHA-256 is not the one in the manifest"]


def test_a_shortened_shard_is_found(out: Path):
    os.truncate(out / "shards" / "00000.parquet", 100)
    (problem,) = verify(str(out))
    assert problem.startswith("shards/00000.parquet: 100 bytes, the manifest says ")


def test_a_missing_shard_is_found(out: Path):
    (out / "shards" / "00000.parquet").unlink()
    assert verify(str(out)) == ["shards/00000.parquet: missing"]


def test_an_extra_file_is_found_but_not_a_shard_of_an_earlier_manifest(out: Path):
    for name in ("extra.parquet", "earlier.parquet"):
        (out / "shards" / name).write_bytes(b"")
    (out / "receipts" / "shards").mkdir(parents=True)
    (out / "receipts" / "shards" / "earlier.json").write_text("{}")
    known = manifest.superseded(str(out))
    assert verify(str(out), known) == ["shards/extra.parquet: extra, the manifest does not name it"]
    assert len(verify(str(out))) == 2


def test_every_problem_is_named_at_once(out: Path):
    (out / "shards" / "00000.parquet").unlink()
    flip(out / "shards" / "00001.parquet", 700)
    (out / "shards" / "extra").touch()
    (out / "shards.parquet").unlink()
    assert [problem.split(":")[0] for problem in verify(str(out))] == [
        "shards/00000.parquet",
        "shards/00001.parquet",
        "shards/extra",
        "shards.parquet",
    ]


def test_a_shard_that_cannot_be_read_is_named(out: Path):
    path = out / "shards" / "00000.parquet"
    path.unlink()
    path.symlink_to(path)  # a loop; permissions would not stop root
    (problem,) = verify(str(out))
    assert problem.startswith("shards/00000.parquet: cannot be read")


def test_a_table_of_other_shards_is_found(out: Path):
    table = pq.read_table(out / "shards.parquet")
    pq.write_table(table.slice(1), out / "shards.parquet")
    assert verify(str(out)) == ["shards.parquet: does not list the shards of the manifest"]


def test_a_table_of_something_else_is_found(out: Path):
    pq.write_table(pa.table({"path": [1, 2]}), out / "shards.parquet")
    assert verify(str(out)) == ["shards.parquet: does not list the shards of the manifest"]


def test_totals_that_are_no_sums_are_found(out: Path):
    change(out, totals={**manifest.read(str(out))["totals"], "tokens": 801})
    assert verify(str(out)) == ["manifest.json: totals are not the sums of its shards"]


@pytest.mark.parametrize(
    ("shards", "problem"),
    [
        (None, "has no list of shards"),
        ({}, "has no list of shards"),
        (["a"], r"shards\[0\] is no object"),
        ([{}], r"shards\[0\] has no path"),
        ([{"path": "shards/1", "sha256": 7}], r"shards\[0\] has no sha256"),
    ],
)
def test_a_list_of_shards_that_is_not_ours_is_found(out: Path, shards: object, problem: str):
    change(out, shards=shards)
    (found,) = verify(str(out))
    assert found == f"manifest.json: {problem}; run again".replace("\\", "")


@pytest.mark.parametrize(
    "path", ["../elsewhere.parquet", "/etc/hostname", "shards/../../elsewhere", "other/1.parquet"]
)
def test_a_manifest_names_no_file_outside_its_shards(out: Path, path: str):
    first, *rest = manifest.read(str(out))["shards"]
    change(out, shards=[{**first, "path": path}, *rest])
    assert verify(str(out)) == [f"manifest.json: shards[0] lies outside shards/: {path}; run again"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"3", b"{}", b"\xff", b'{"format": "winnow-packs", "schema": 0}']
)
def test_a_folder_without_our_manifest_is_a_problem_and_for_readers_an_error(out: Path, content: bytes):
    (out / "manifest.json").write_bytes(content)
    (problem,) = verify(str(out))
    assert "manifest.json: " in problem
    with pytest.raises(ValueError, match=r"manifest\.json: "):
        manifest.read(str(out))


def test_a_folder_without_manifest_says_so(tmp_path: Path):
    assert verify(str(tmp_path)) == [f"{tmp_path}: no manifest.json; the run was not finished, run it again"]
    assert len(verify(str(tmp_path / "nowhere"))) == 1


@pytest.mark.parametrize("name", ["manifest.json", "shards.parquet"])
def test_no_damage_to_the_lists_raises(out: Path, name: str):
    """Every 7th byte flipped, one at a time: never an exception, whatever is left to be read."""
    path = out / name
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        flip(path, at)
        assert isinstance(verify(str(out)), list)
        path.write_bytes(whole)
    assert verify(str(out)) == []
