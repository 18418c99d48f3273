"""A trial: the same sample through two engines, measured, advised by yield, drawn as a page."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import forms
from pipeline.cli import main
from synth import trial
from synth.farm import Farm
from synth.trial import Outcome
from tests.synth import farms
from tests.synth.farms import texts


def variant(folder: Path, name: str) -> None:
    plain = {"model": "double", "family": "double", "kind": "text", "gpus": 1, "gpu_memory_gb": 0, "context": 4096,
             "sampling": {"max_tokens": 64}, "source": "made up", "engine": {"max_num_seqs": 8}}  # fmt: skip
    farms.write(folder / f"{name}.yaml", plain)


def test_a_sample_through_two_engines_and_a_page(tmp_path: Path):
    variant(tmp_path, "fast")
    variant(tmp_path, "slow")
    farms.task(
        tmp_path,
        Farm(str(tmp_path / "farm"), variants=str(tmp_path), gpu_hour=2.0),
        texts(40),
        variant="fast",
    )
    plain = {
        "job": str(tmp_path / "job.yaml"),
        "sample": 30,
        "output": str(tmp_path / "trial.html"),
        "variants": [
            {"variant": "fast", "command": list(farms.own_double(rate=2_000))},
            {"variant": "slow", "command": list(farms.own_double(rate=60))},
        ],
    }
    said = CliRunner().invoke(main, ["synth", "trial", farms.write(tmp_path / "trial.yaml", plain)])
    assert said.exit_code == 0, said.output
    assert "fast yields most" in said.output
    page = (tmp_path / "trial.html").read_text(encoding="utf-8")
    for word in (
        "fast yields most",
        "Why answers were refused",
        "cost per 1,000 accepted",
        "rows.jsonl:",
        "slow",
    ):
        assert word in page


def test_the_sample_is_the_same_each_time_and_from_all_over(tmp_path: Path):
    task = farms.task(tmp_path, Farm(str(tmp_path / "farm")), texts(200))
    places = [int(place.rpartition(":")[2]) for place, _ in trial.sample(task, 20)]
    assert places == [int(place.rpartition(":")[2]) for place, _ in trial.sample(task, 20)]
    assert min(places) < 50
    assert max(places) > 150


def test_figures_by_hand():
    """Two GPUs for 1,800 s, 9,000 accepted tokens, at 3 an hour."""
    one = Outcome("v", 2, seconds=1_800, tokens=12_000, accepted_tokens=9_000, asked=10)
    one.reasons.update(["truncated"] * 4)
    assert (one.gpu_seconds, one.passed, one.yields) == (3_600, 0.6, 9_000)
    assert one.cost(3.0) == pytest.approx(3.0 / 9)


def test_no_accepted_answer_is_said():
    assert "No variant gave an answer" in trial.advice([Outcome("v", 1, 10, 5, 0, 5)])


def test_an_unknown_variant_is_named_with_its_line(tmp_path: Path):
    farms.task(tmp_path, Farm(str(tmp_path / "farm")), texts(1))
    plain = {"job": str(tmp_path / "job.yaml"), "variants": [{"variant": "duble"}]}
    with pytest.raises(forms.FormError, match="no variant 'duble'; did you mean 'double'"):
        trial.read(farms.write(tmp_path / "trial.yaml", plain))
