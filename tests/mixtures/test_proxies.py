"""Proxies: plans and token files without PyTorch; with it, training that is the same each time and goes on where it stopped."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtures import proxies
from mixtures.tables import TableError, read_runs
from pipeline.forms import FormError

PLAN = """mixtures: proxies.csv
tokens: [tokens/*.parquet]
vocabulary: 16
output: out
model: {width: 16, layers: 1, heads: 2, length: 8}
training: {tokens: 20k, batch: 16, warmup: 5, rate: 0.02}
held_out: 0.2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sources, one that counts up and one that counts down, and three mixtures of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokens").mkdir()
    for name, step in (("up", 1), ("down", -1)):
        rows = [[(start + step * place) % 16 for place in range(40)] for start in range(30)]
        write_tokens(tmp_path / f"tokens/{name}.parquet", [name] * 30, rows)
    (tmp_path / "proxies.csv").write_text("run,up,down\n1,1,0\n2,0,1\n3,0.5,0.5\n")
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path


def write_tokens(path: Path, sources: list[str], rows: list[list[int]]) -> None:
    pq.write_table(pa.table({"source": sources, "tokens": pa.array(rows, pa.list_(pa.uint16()))}), path)


def test_packs_and_token_files_give_the_same_streams(folder: Path):
    spans = [
        [
            {"source": "up", "copy": 0, "start": 0, "stop": 3},
            {"source": "down", "copy": 0, "start": 3, "stop": 4},
        ],
        [
            {"source": "up", "copy": 1, "start": 0, "stop": 1},
            {"source": "up", "copy": 0, "start": 1, "stop": 2},
        ],
    ]
    tokens = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4, 5, 6, 7, 8], pa.uint16()), 4)
    pq.write_table(pa.table({"tokens": tokens, "spans": spans}), folder / "packs.parquet")
    write_tokens(folder / "plain.parquet", ["up", "down", "up"], [[1, 2, 3], [4], [6]])
    packed, plain = (proxies.streams([f"{name}.parquet"]) for name in ("packs", "plain"))
    assert {name: one.tolist() for name, one in packed.items()} == {"down": [4], "up": [1, 2, 3, 6]}
    assert all(np.array_equal(packed[name], plain[name]) for name in ("up", "down"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("width: 16", "width: 15", "plan.yaml:5: proxies.model: width 15 must be a multiple"),
        ("held_out: 0.2", "held_out: 2", "held_out 2.0 must lie between 0 and 1"),
        ("vocabulary: 16", "vocabulry: 16", "unknown field 'vocabulry'; did you mean 'vocabulary'?"),
    ],
)
def test_mistakes_in_a_plan_are_named_with_their_line(folder: Path, old: str, new: str, said: str):
    (folder / "plan.yaml").write_text(PLAN.replace(old, new))
    with pytest.raises(FormError) as error:
        proxies.read_plan("plan.yaml")
    assert said in str(error.value)


def test_a_key_changes_with_what_a_run_depends_on_and_with_nothing_else(folder: Path):
    def keys(text: str) -> list[str]:
        (folder / "plan.yaml").write_text(text)
        return [job.key for job in proxies.jobs(proxies.read_plan("plan.yaml"))]

    before = keys(PLAN)
    assert keys(PLAN.replace("output: out", "output: elsewhere")) == before
    assert set(keys(PLAN.replace("20k", "30k"))).isdisjoint(before)
    (folder / "proxies.csv").write_text("run,up,down\n1,1,0\n2,0.1,0.9\n3,0.5,0.5\n")
    after = keys(PLAN)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("run,up,down", "run,up,sideways"), "domain 'sideways' has 0 tokens"),
        (("vocabulary: 16", "vocabulary: 8"), "tokens of 'up' go up to 15, vocabulary is 8"),
    ],
)
def test_sources_that_do_not_fit_are_named(folder: Path, change: tuple[str, str], said: str):
    for name in ("plan.yaml", "proxies.csv"):
        (folder / name).write_text((folder / name).read_text().replace(*change))
    plan = proxies.read_plan("plan.yaml")
    with pytest.raises(TableError, match=said):
        proxies.split(plan, list(proxies.jobs(plan)[0].shares))


def test_held_out_tokens_are_the_end_of_each_source(folder: Path):
    train, held = proxies.split(proxies.read_plan("plan.yaml"), ["up"])
    assert np.array_equal(
        np.concatenate([train["up"], held["up"]]), proxies.streams(["tokens/up.parquet"])["up"]
    )
    assert len(held["up"]) == 240


def hold(job: proxies.Job, device: str) -> dict[str, float]:
    """Fails where another process holds the device, and for run 3."""
    Path(f"{job.run}.begun").touch()
    mark = Path(f"{device}.busy")
    mark.touch(exist_ok=False)
    time.sleep(0.05)
    mark.unlink()
    if job.run == "3":
        raise ArithmeticError("run 3 went wrong")
    return {"loss": float(job.run)}


def test_a_device_has_one_run_at_a_time_and_after_an_error_none_begins(folder: Path):
    plan = proxies.read_plan("plan.yaml")
    todo = [proxies.Job(str(run), {}, plan, "key") for run in range(1, 9)]
    found = list(proxies.side_by_side(hold, todo[:2] + todo[3:], ["a", "b"], None))
    assert sorted((job.run, losses["loss"]) for job, losses in found) == [
        (str(run), run) for run in (1, 2, 4, 5, 6, 7, 8)
    ]
    for one in folder.glob("*.begun"):
        one.unlink()
    with pytest.raises(ArithmeticError, match="run 3 went wrong"):
        list(proxies.side_by_side(hold, todo, ["a"], 1))
    assert sorted(one.stem for one in folder.glob("*.begun")) == ["1", "2", "3"]


def test_one_process_reads_its_sources_once(folder: Path):
    plan = proxies.read_plan("plan.yaml")
    first = proxies.split_once(plan, ("up", "down"))
    for one in (folder / "tokens").iterdir():
        one.unlink()
    assert proxies.split_once(plan, ("up", "down")) is first


@pytest.mark.real("torch")
def test_runs_whose_names_end_alike_read_other_tokens(folder: Path):
    pytest.importorskip("torch", reason="not run: needs torch (pip install 'winnow[models]')")
    from mixtures.language_model import batches

    plan = proxies.read_plan("plan.yaml")
    kept, _ = proxies.split(plan, ["up", "down"])
    one, two = (
        next(batches(kept, proxies.Job(name, {"up": 0.5, "down": 0.5}, plan, ""), 1))
        for name in ("first-mixture-0001", "other-mixture-0001")
    )
    assert not np.array_equal(one, two)


@pytest.mark.real("torch")
def test_proxies_learn_what_they_read_and_a_second_call_trains_nothing(folder: Path):
    pytest.importorskip("torch", reason="not run: needs torch (pip install 'winnow[models]')")
    lines = proxies.train_all("plan.yaml", 2)
    assert next(lines) == "3 runs, 0 trained already"
    assert list(lines)[-1].endswith("are complete")
    table = read_runs("out/runs.csv", "out/losses.csv")
    up, down = (table.losses[:, table.targets.index(name)] for name in ("up", "down"))
    assert up[0] < up[2] < up[1]
    assert down[1] < down[2] < down[0]
    assert up[0] < 0.5 < np.log(16) < up[1]
    before = {one.name: one.stat().st_mtime_ns for one in (folder / "out/runs").iterdir()}
    assert next(iter(proxies.train_all("plan.yaml"))) == "3 runs, 3 trained already"
    assert {one.name: one.stat().st_mtime_ns for one in (folder / "out/runs").iterdir()} == before


@pytest.mark.real("torch")
def test_a_lost_run_is_trained_again_to_the_same_losses_alone_or_with_others(folder: Path):
    pytest.importorskip("torch", reason="not run: needs torch (pip install 'winnow[models]')")
    list(proxies.train_all("plan.yaml", 2))
    whole = (folder / "out/losses.csv").read_bytes()
    (folder / "out/runs/2.json").unlink()
    (folder / "out/losses.csv").unlink()
    first, *_ = proxies.train_all("plan.yaml", None, 1)
    assert first == "1 runs, 0 trained already"
    assert (folder / "out/losses.csv").read_bytes() == whole
