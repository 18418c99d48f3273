"""Near duplicates through whole runs: Beam, exchange, buckets and pieces change no mark, and steps do what one batch says."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import ledger
from pipeline.comparisons.exact import ExactDuplicates
from pipeline.comparisons.near import NearDuplicates
from pipeline.data import receipts, tables
from pipeline.measures.signature import Signature
from pipeline.recipe import Input, Output, Recipe
from pipeline.rules.refinedweb import RefinedWebLines
from pipeline.run.driver import Settings, run
from pipeline.steps.judge import marks_of, read_marks
from tests import alone, plain, world


def edited(chance: random.Random, text: str, share: float) -> str:
    """The text, a share of its words (or characters) exchanged."""
    parts = text.split(" ") if " " in text else list(text)
    for at in chance.sample(range(len(parts)), round(share * len(parts))):
        parts[at] = "edited" if " " in text else "改"
    return (" " if " " in text else "").join(parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Families of edited copies in two sources: some near duplicates, some chains, some only alike."""
    folder, chance = tmp_path_factory.mktemp("near"), random.Random(4)
    vocabulary = [f"word{number}" for number in range(400)]
    for source in ("web", "zh"):
        rows = []
        for family in range(25):
            text = (
                " ".join(chance.choices(vocabulary, k=150)) if source == "web" else world.chinese(chance, 200)
            )
            for _ in range(chance.choice([1, 2, 6])):
                text = edited(chance, text, chance.choice([0, 0.01, 0.03, 0.06]))
                rows.append({"text": text + chance.choice(["", "\n3 likes"]), "url": f"{family}"})
        chance.shuffle(rows)
        for number in range(3):
            world.write_jsonl(folder / f"raw/{source}/{number}.jsonl", rows[number::3])
    world.train_tokenizer(folder / "tokenizer.json")
    return folder


def recipe(folder: Path, path: str, **fields: Any) -> Recipe:
    inputs = [Input(source=source, path=f"{folder}/raw/{source}/") for source in ("web", "zh")]
    output = Output(path=path, tokenizer=f"{folder}/tokenizer.json", pack_tokens=256, pool_tokens=20_000)
    stages = [RefinedWebLines(), ExactDuplicates(), NearDuplicates(prefer=("zh",), **fields)]
    return Recipe(inputs=inputs, stages=stages, output=output)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    plain.run(recipe(folder, f"{folder}/undisturbed"))
    return marks(f"{folder}/undisturbed")


def marks(out: str) -> dict[str, Any]:
    """What the last comparison of a run says, and what its receipt counts."""
    opened = ledger.open_run(out)
    stage = opened.work.placed.stages[-1]
    tables_ = [read_marks(opened.work, stage, opened.corpus, piece.name) for piece in opened.pieces]
    facts = receipts.get(opened.store, marks_of(stage, opened.corpus)).facts
    return {"facts": facts, "marks": sorted(pa.concat_tables(tables_).to_pylist(), key=lambda row: row["id"])}


def test_steps_say_what_one_batch_in_memory_says(folder: Path, undisturbed: dict[str, Any]):
    """Of those who are alive, with the text as the editor leaves it."""
    opened = ledger.open_run(f"{folder}/undisturbed")
    documents = pa.concat_tables([tables.read(opened.store, piece.documents) for piece in opened.pieces])
    decisions = {
        row["id"]: row["stage"] for piece in opened.pieces for row in opened.decisions(piece).to_pylist()
    }
    rows = [row for row in documents.to_pylist() if decisions[row["id"]] in (None, "near_duplicates")]
    texts = pa.array([row["text"].replace("\n3 likes", "") for row in rows])
    signed = Signature()(pa.record_batch({"text": texts}))
    columns = {
        "id": pa.array([row["id"] for row in rows], pa.binary(16)),
        "source": [row["source"] for row in rows],
    }
    columns |= dict(zip(signed.schema.names, signed.columns, strict=True))
    found = alone.compare(NearDuplicates(prefer=("zh",)), pa.RecordBatch.from_pydict(columns), texts)
    assert list(found.marks.values()) == undisturbed["marks"]
    assert len(found.marks) > 20
    facts = undisturbed["facts"]
    assert (facts["removed"], facts["verified"]) == (len(found.marks), len(found.pairs))
    unsettled = [one for one, value in found.pairs.items() if value >= 0.8 and one[0] not in found.marks]
    assert facts["unsettled"] == len(unsettled)
    assert facts["members"] == len({one for one, _ in found.pairs}) > len(found.marks)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(piece_bytes=1 << 13, buckets=1),
        Settings(piece_bytes=1 << 14, buckets=64),
        Settings(buckets=4),
    ],
    ids=str,
)
def test_pieces_and_buckets_change_no_mark(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, settings: Settings
):
    plain.run(recipe(folder, f"{tmp_path}/out"), settings)
    assert marks(f"{tmp_path}/out") == undisturbed


def test_the_shuffle_of_an_engine_changes_no_mark(folder: Path, undisturbed: dict[str, Any], tmp_path: Path):
    run(recipe(folder, f"{tmp_path}/out"), Settings(exchange="engine", piece_bytes=1 << 14, buckets=8))
    assert marks(f"{tmp_path}/out") == undisturbed


def test_beam_does_what_a_plain_loop_over_the_steps_does(folder: Path, tmp_path: Path):
    """Every file and every byte."""
    one, settings = recipe(folder, f"{tmp_path}/out"), Settings(piece_bytes=1 << 14)
    run(one, settings)
    (tmp_path / "out").rename(tmp_path / "beam")
    plain.run(one, settings)
    assert world.listing(tmp_path / "out") == world.listing(tmp_path / "beam")


def test_a_moved_threshold_compares_again_and_measures_nothing_again(folder: Path, tmp_path: Path):
    plain.run(recipe(folder, f"{tmp_path}/out"))
    columns = {name for name in world.listing(tmp_path / "out") if name.startswith("columns/")}
    before = marks(f"{tmp_path}/out")
    plain.run(recipe(folder, f"{tmp_path}/out", threshold=0.95))
    assert {name for name in world.listing(tmp_path / "out") if name.startswith("columns/")} == columns
    after = marks(f"{tmp_path}/out")
    assert 0 < after["facts"]["removed"] < before["facts"]["removed"]
    assert min(row["similarity"] for row in after["marks"]) >= 0.95
