"""Shown by 7 and 2: the books balance, any damage is found and named, and `why` answers for every kind of record."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import ledger
from pipeline.ledger.account import account
from pipeline.ledger.why import Life, Quarantined, by_id, by_text, by_url
from pipeline.rules.gopher import GopherQuality
from pipeline.ship import shards
from pipeline.ship.manifest import verify
from tests import plain, world


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = world.make(tmp_path_factory.mktemp("world"))
    plain.run(world.recipe(made))
    return made


@pytest.fixture(scope="module")
def opened(folder: Path) -> ledger.Run:
    return ledger.open_run(str(folder / "out"))


def wrong(out: Path) -> list[str]:
    return [line.wrong for line in account(ledger.open_run(str(out))) if line.wrong]


def test_the_books_of_an_undisturbed_run_balance(folder: Path, opened: ledger.Run):
    lines = list(account(opened))
    assert [line for line in lines if line.wrong or line.missing] == []
    found = {
        what: sum(line.found for line in lines if line.what == what)
        for what in ("records", "documents", "tokens")
    }
    assert found["records"] == found["documents"] + 3
    assert found["documents"] == 365
    assert found["tokens"] == opened.manifest["totals"]["tokens"]


def test_the_funnel_adds_up(opened: ledger.Run):
    one = ledger.funnel(opened)
    everything, kept = ledger.total(list(one.counts)), ledger.total(one.kept)
    dropped = [ledger.total(one.dropped(stage)) for stage in one.stages]
    assert everything.documents == 365 == kept.documents + sum(taken.documents for taken in dropped)
    assert kept.shipped == opened.manifest["totals"]["tokens"]
    assert kept.spans > kept.documents
    assert one.quarantined == {("zh", "broken_json"): 3}
    assert all(one.alone[stage][0] >= ledger.total(one.dropped(stage)).documents for stage in one.stages[:-1])


# Damage


def first(out: Path, pattern: str) -> Path:
    return min(out.glob(pattern))


def without_a_row(path: Path) -> None:
    """The same Parquet file, its third row gone: checksums are right, the content is not."""
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(0, 2), table.slice(3)]), path)


def lose_a_decision(out: Path) -> str:
    path = first(out, "decisions/*/*.parquet")
    identifier = pq.read_table(path)["id"][2].as_py().hex()
    without_a_row(path)
    return f"{path.relative_to(out)}: no row for document {identifier}"


def lose_a_document(out: Path) -> str:
    path = first(out, "documents/*.parquet")
    rows = pq.read_metadata(path).num_rows
    without_a_row(path)
    return f"{path.relative_to(out)}: {rows - 1:,} rows, its receipt says {rows:,}"


def lose_a_column_row(out: Path) -> str:
    path = first(out, "columns/*/*.parquet")
    rows = pq.read_metadata(path).num_rows
    without_a_row(path)
    return f"{path.relative_to(out)}: {rows - 1:,} rows, the piece says {rows:,}"


def lose_a_pack(out: Path) -> str:
    path = first(out, "shards/*.parquet")
    without_a_row(path)
    return f"{path.relative_to(out)}: document "


def flip_a_token(out: Path) -> str:
    """A shard that is a valid file, with one token of one span another."""
    path = first(out, "shards/*.parquet")
    table = pq.read_table(path)
    tokens = np.asarray(table["tokens"].combine_chunks().flatten()).copy()
    tokens[0] ^= 1
    length = table.schema.field("tokens").type.list_size
    flipped = pa.FixedSizeListArray.from_arrays(pa.array(tokens), length)
    shards.write(table.set_column(0, table.schema.field(0), flipped), str(path))
    identifier = table["spans"][0].as_py()[0]["id"].hex()
    return f"{path.relative_to(out)}: document {identifier} copy 0: other tokens than decided"


def lose_a_shard(out: Path) -> str:
    path = first(out, "shards/*.parquet")
    path.unlink()
    return f"{path.relative_to(out)}: missing"


def add_a_shard(out: Path) -> str:
    shutil.copy(first(out, "shards/*.parquet"), out / "shards/99999-extra.parquet")
    return "shards/99999-extra.parquet: extra"


def flip_a_bit(out: Path) -> str:
    path = first(out, "tokens/*/*/*.parquet")
    data = bytearray(path.read_bytes())
    data[-20] ^= 1  # in the footer, where no page checksum looks
    path.write_bytes(bytes(data))
    return f"{path.relative_to(out)}: its bytes are not those of its receipt"


def cut_a_receipt(out: Path) -> str:
    path = first(out, "receipts/decisions/*/*.json")
    path.write_bytes(path.read_bytes()[:20])
    return str(path.relative_to(out))


DAMAGES: list[Callable[[Path], str]] = [
    cut_a_receipt, lose_a_decision, lose_a_document, lose_a_column_row, lose_a_pack, flip_a_token, lose_a_shard, add_a_shard, flip_a_bit,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_found_and_its_place_named(folder: Path, tmp_path: Path, damage: Callable[[Path], str]):
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    place = damage(out)
    assert [problem for problem in wrong(out) if place in problem]


@pytest.mark.parametrize(
    "damage", [flip_a_token, lose_a_shard, add_a_shard], ids=lambda damage: damage.__name__
)
def test_the_manifest_finds_damaged_shards_without_the_books(
    folder: Path, tmp_path: Path, damage: Callable[[Path], str]
):
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    assert list(verify(str(out))) == []
    place = damage(out).split(":")[0]
    assert [problem for problem in verify(str(out)) if problem.startswith(place)]


def test_a_record_that_vanished_from_an_input_is_missed(tmp_path: Path):
    """The books begin at the raw bytes: equal size and time of change, one record less."""
    folder = world.make(tmp_path)
    plain.run(world.recipe(folder))
    path = folder / "raw/web/0.jsonl"
    before, data = path.stat(), path.read_bytes()
    end = data.index(b"\n")
    path.write_bytes(data[:end] + b" " + data[end + 1 :])

    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [
        problem
        for problem in wrong(folder / "out")
        if f"{path}: holds 59 records, the receipt says 60" in problem
    ]


def test_earlier_shards_are_no_strangers(tmp_path: Path):
    """After a changed recipe the last run's shards are there until `winnow clean`."""
    folder = world.make(tmp_path)
    plain.run(world.recipe(folder))
    plain.run(world.with_stage(world.recipe(folder), "gopher_quality", GopherQuality(min_words=100)))
    assert wrong(folder / "out") == []


# Why


def one_with(opened: ledger.Run, **wanted: object) -> bytes:
    rows = (row for piece in opened.pieces for row in opened.decisions(piece).to_pylist())
    return next(row["id"] for row in rows if all(row[name] == value for name, value in wanted.items()))


def found(opened: ledger.Run, identifier: bytes) -> Life:
    life = by_id(opened, identifier)
    assert isinstance(life, Life)
    return life


def test_why_a_document_ships_and_where_each_copy_lies(opened: ledger.Run):
    life = found(opened, one_with(opened, copies=3))
    assert life.reason is None
    assert life.tokens is not None
    by_copy = {
        copy: sorted((at.at, at.stop - at.start) for at in life.places if at.copy == copy)
        for copy in range(3)
    }
    for spans in by_copy.values():
        ends = np.cumsum([length for _, length in spans])
        assert ends[-1] == life.tokens
        assert [at for at, _ in spans] == [0, *ends[:-1]]
    gopher = next(said for said in life.said if said.stage == "gopher_quality")
    assert gopher.values["words"] >= gopher.limits["min_words"]


def test_why_a_rule_dropped_a_document_with_the_value_beside_the_limit(opened: ledger.Run):
    life = found(opened, one_with(opened, reason="too_few_words"))
    said = next(said for said in life.said if said.stage == life.stage)
    assert said.reason == "too_few_words"
    assert said.values["words"] < said.limits["min_words"]
    assert life.places == ()


def test_why_a_duplicate_went_and_that_its_survivor_stood(opened: ledger.Run):
    life = found(opened, one_with(opened, reason="exact_duplicate"))
    mark = next(said for said in life.said if said.stage == "exact_duplicates").values
    assert mark["similarity"] == 1.0
    survivor = found(opened, bytes.fromhex(mark["survivor"]))
    assert survivor.stage in (None, "sample")


def test_what_an_early_stage_dropped_reached_no_comparison(opened: ledger.Run):
    life = found(opened, one_with(opened, reason="too_few_words"))
    assert {said.stage: said.reached for said in life.said if said.stage in ("exact_duplicates", "sample")} == {
        "exact_duplicates": False, "sample": False
    }  # fmt: skip


def test_every_removal_by_a_comparison_names_a_document_that_still_stood_after_it(opened: ledger.Run):
    """Law 7, over all of them."""
    rows = {row["id"]: row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()}
    removed = [identifier for identifier, row in rows.items() if row["stage"] == "exact_duplicates"]
    assert len(removed) > 10
    for identifier in removed:
        mark = next(
            said for said in found(opened, identifier).said if said.stage == "exact_duplicates"
        ).values
        assert rows[bytes.fromhex(mark["survivor"])]["stage"] in (None, "sample")


def test_why_a_record_never_became_a_document(opened: ledger.Run):
    _, table = next(opened.quarantine())
    row = table.to_pylist()[0]
    record = by_id(opened, row["id"])
    assert isinstance(record, Quarantined)
    assert (record.reason, record.excerpt) == ("broken_json", '{"text": "broken')
    assert record.file in ("0.jsonl", "1.jsonl", "2.jsonl")


def test_a_document_is_found_by_its_text_and_by_its_url(opened: ledger.Run):
    life = next(by_url(opened, "https://en.example/5"))
    assert life.origin.url == "https://en.example/5"
    text = world.documents(0, 6, "en")[5]["text"]
    assert life.id in [one.id for one in by_text(opened, text)]
    assert list(by_text(opened, text + "?")) == []


def test_an_id_that_nobody_has_is_nobody(opened: ledger.Run):
    assert by_id(opened, b"\0" * 16) is None


def test_a_folder_without_a_manifest_says_what_to_do(tmp_path: Path):
    with pytest.raises(ledger.LedgerError, match="was not finished; run it again"):
        ledger.open_run(str(tmp_path))


def test_a_moved_output_is_read_where_it_lies(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "out", tmp_path / "moved")
    assert wrong(tmp_path / "moved") == []
    assert (
        replace(ledger.open_run(str(tmp_path / "moved")).corpus)
        == ledger.open_run(str(folder / "out")).corpus
    )
