"""The README's job is one that is taken."""

import re
from pathlib import Path

from pipeline import forms
from synth import farm as farms
from synth import requests

README = (Path(__file__).parents[2] / "synth/README.md").read_text(encoding="utf-8")


def test_the_readmes_farm_and_job_are_taken(tmp_path: Path):
    farm, job = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert forms.build(farms.Farm, forms.load(farm, "farm.yaml")).pulsar
    assert forms.build(requests.Job, forms.load(job, "job.yaml")).candidates == 4
    (tmp_path / "job.yaml").write_text(
        job.replace("farm.yaml", str(tmp_path / "farm.yaml")), encoding="utf-8"
    )
    (tmp_path / "farm.yaml").write_text(farm, encoding="utf-8")
    assert requests.read(str(tmp_path / "job.yaml")).variant.model == "Qwen/Qwen3-8B"


def test_every_module_and_test_that_it_names_is_there():
    root = Path(__file__).parents[2]
    for name in re.findall(r"`(test_\w+\.py)`", README):
        assert (root / "tests/synth" / name).exists()
    for line in re.findall(r"^\| (`.*?`) \|", README, re.MULTILINE):
        for name in re.findall(r"`(\w+)/?`", line):
            assert (root / "synth" / f"{name}.py").exists() or (root / "synth" / name).is_dir()
