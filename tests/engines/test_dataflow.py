"""Dataflow without a cloud: the job as translated, the template's parameters, the image's parts, a graph that files do not grow."""

import json
import re
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline import flow
from pipeline.comparisons.exchange import Exchange
from pipeline.engines import launch
from pipeline.engines.options import OptionError, check, check_places
from pipeline.recipe import Recipe
from pipeline.run.driver import Job, Settings, begin, prepare
from pipeline.run.folder import locked
from pipeline.steps.plan import Plan
from tests import buckets, world
from tests.environments import ROOT, python_with

GOLDEN = ROOT / "tests/golden/dataflow.json"
LIMIT = 10_000_000  # bytes of a request to create a job, says Dataflow's page of quotas
IMAGE = resources.files("pipeline.engines") / "image"


@pytest.mark.real("Dataflow's translation")
def test_the_job_is_the_golden_one(tmp_path: Path):
    """Written anew by `python tests/engines/dataflow_job.py FOLDER`, with the Python of this test; reviewed as a diff."""
    python = python_with("dataflow", ["--editable", f"{ROOT}[dataflow,objects]"])
    command = [
        python,
        str(ROOT / "tests/engines/dataflow_job.py"),
        str(world.make(tmp_path, files=1, rows=20)),
    ]
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert result.returncode == 0, result.stderr
    found, golden = json.loads(result.stdout), json.loads(GOLDEN.read_text())
    assert found["request_bytes"] + found["pipeline_bytes"] < LIMIT / 10
    for name in ("job", "stages", "images"):
        assert found[name] == golden[name]


def parameters() -> list[dict[str, Any]]:
    return json.loads((IMAGE / "metadata.json").read_text())["parameters"]


@pytest.mark.parametrize(("name", "right", "wrong"), [
    ("recipe", ["/recipe/recipe.yaml", "gs://bucket/a/b.yml"], ["recipe.yaml", "gs://B/r.yaml", "/recipe/recipe.txt", "s3://"]),
    ("piece_mib", ["1", "9", "10", "59", "64"], ["0", "65", "100", "", "1.5"]),
    ("sdk_container_image", [
        "europe-docker.pkg.dev/p/winnow/winnow:1", "localhost:5000/winnow:1", f"gcr.io/p/w@sha256:{'0' * 64}",
    ], ["winnow", "gcr.io/p/w", "gcr.io/p/w:", "gcr.io/P/w:1 --x"]),
])  # fmt: skip
def test_each_parameter_of_the_template_has_a_pattern(name: str, right: list[str], wrong: list[str]):
    (pattern,) = next(one for one in parameters() if one["name"] == name)["regexes"]
    assert [bool(re.search(pattern, value)) for value in right] == [True] * len(right)
    assert [bool(re.search(pattern, value)) for value in wrong] == [False] * len(wrong)


def test_the_launcher_knows_every_parameter_of_the_template():
    given, rest = launch.parse([f"--{one['name']}=1" for one in parameters()])
    assert given.recipe == "1"
    check(rest)


def test_the_launcher_refuses_what_it_does_not_know(tmp_path: Path):
    with pytest.raises(OptionError, match="Beam has no option --peace_mib"):
        launch.main(["--recipe=r.yaml", "--peace_mib=1"])


def test_the_launcher_reads_a_recipe_in_a_bucket_and_leaves_the_manifest_to_a_run(
    bucket: buckets.Bucket, tmp_path: Path
):
    """On a local runner, which is done when the launcher ends."""
    from pipeline import recipe as recipes
    from pipeline.data.objects import ObjectStore
    from pipeline.run.driver import run

    folder, store = world.make(tmp_path, files=1, rows=20), ObjectStore(f"{bucket.url}/launched")
    buckets.upload(folder / "raw", f"{store.root}/raw")
    one = world.recipe(store.root, path=f"{store.root}/out", tokenizer=f"{folder}/tokenizer.json")
    store.put(recipes.dumps(one).encode(), "recipe.yaml")
    launch.main([f"--recipe={store.root}/recipe.yaml", "--piece_mib=1", "--runner=FnApiRunner"])
    assert not store.exists("out/manifest.json")
    run(one)
    assert world.digests(f"{store.root}/out")["shards"]


def test_the_image_has_the_version_of_beam_that_is_installed_here_and_copies_what_is_there():
    lines = (IMAGE / "Containerfile").read_text().splitlines()
    assert f"FROM apache/beam_python3.11_sdk:{beam.__version__}" in lines
    copied = [
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    (entry,) = (
        line.partition("=")[2] for line in lines if line.startswith("ENV FLEX_TEMPLATE_PYTHON_PY_FILE")
    )
    assert (ROOT / entry.removeprefix("/opt/winnow/")).is_file()


def test_paths_that_the_workers_cannot_see_are_refused(tmp_path: Path):
    local, there = world.recipe(tmp_path), world.recipe("gs://bucket", path="gs://bucket/out")
    check_places(["--runner=FlinkRunner"], local)
    check_places(["--runner=DataflowRunner"], there)
    for one in (local, world.recipe("gs://bucket", path="/out")):
        with pytest.raises(OptionError, match="put it under gs:// or s3://"):
            check_places(["--runner=DataflowRunner"], one)


# Many files


def graph_bytes(job: Job, planned: Plan) -> int:
    """Of the portable pipeline, which is what a runner is sent."""
    root = beam.Pipeline(options=PipelineOptions([]))
    flow.Flow(job.work, planned.name, Exchange(job.work.store)).build(root)
    return root.to_runner_api().ByteSize()


def test_100_000_files_plan_in_a_graph_as_small_as_that_of_one(tmp_path: Path):
    """The listing is generated: objects that nobody reads. A worker's elements stay far below the 16 MiB that engines carry."""
    world.train_tokenizer(tmp_path / "tokenizer.json")
    sizes = {}
    objects = {
        f"{count}/{number % 100:02d}/{number:06d}.jsonl": b"{}" * 50
        for count in (1, 100_000)
        for number in range(count)
    }
    with buckets.gs("winnow-many", objects) as many, pytest.MonkeyPatch.context() as patch:
        for name, value in many.environment.items():
            patch.setenv(name, value)
        for count in (1, 100_000):
            planned, sizes[count] = planned_graph(world_of(f"{many.url}/{count}", tmp_path))
        assert sum(len(split.extents) for split in planned.splits) == 100_000
        assert max(len(split.dumps()) for split in planned.splits) < 4_000_000
    assert abs(sizes[100_000] - sizes[1]) < 10_000
    assert sizes[100_000] < LIMIT / 10


def world_of(inputs: str, folder: Path) -> Recipe:
    from pipeline.comparisons.exact import ExactDuplicates
    from pipeline.recipe import Input, Output
    from pipeline.rules.gopher import GopherQuality

    output = Output(path=str(folder / inputs[-6:].replace("/", "-")), tokenizer=f"{folder}/tokenizer.json")
    return Recipe([Input(source="a", path=inputs)], [GopherQuality(), ExactDuplicates()], output)


def planned_graph(one: Recipe) -> tuple[Plan, int]:
    job = prepare(one, Settings())
    with locked(job.work.store):
        planned = job.plan()
        begin(job, planned)
        assert (
            Plan.loads(job.work.store.read(planned.name)).splits == planned.splits
        )  # as the first step reads it
    return planned, graph_bytes(job, planned)
