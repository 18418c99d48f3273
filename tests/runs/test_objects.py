"""Inputs and output in a bucket: the same decisions and shards as on a disk."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import recipe as recipes
from pipeline.data.objects import ObjectStore
from pipeline.recipe import Recipe
from pipeline.run.driver import Settings
from tests import plain, world
from tests.buckets import Bucket, upload
from tests.cli.command import winnow

SETTINGS = Settings(piece_bytes=1 << 15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"), files=1, rows=40)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    plain.run(world.recipe(folder, "undisturbed"), SETTINGS)
    return world.digests(folder / "undisturbed")


@pytest.fixture(scope="module")
def inputs(bucket: Bucket, folder: Path) -> str:
    """The world's inputs as objects."""
    upload(folder / "raw", f"{bucket.url}/world/raw")
    return f"{bucket.url}/world"


def recipe(folder: Path, inputs: str, out: str) -> Recipe:
    return world.recipe(inputs, path=out, tokenizer=f"{folder}/tokenizer.json")


def test_a_run_in_a_bucket_gives_what_a_run_on_a_disk_gives(
    bucket: Bucket, folder: Path, inputs: str, undisturbed: dict[str, Any]
):
    out = f"{bucket.url}/out"
    plain.run(recipe(folder, inputs, out), SETTINGS)
    assert world.digests(out) == undisturbed


def test_an_input_that_was_replaced_is_read_again_and_equal_bytes_are_not(
    bucket: Bucket, folder: Path, inputs: str, tmp_path: Path
):
    store = ObjectStore(f"{bucket.url}/changing")
    for name in ("web/0.jsonl", "zh/0.jsonl", "books/0.txt"):
        store.replace((folder / "raw" / name).read_bytes(), f"raw/{name}")
    one = recipe(folder, store.root, f"{bucket.url}/changing-out")
    first = plain.run(one, SETTINGS)
    store.replace(store.read("raw/web/0.jsonl"), "raw/web/0.jsonl")
    assert plain.run(one, SETTINGS)["key"] == first["key"]
    store.replace(store.read("raw/web/0.jsonl")[:-1] + b" \n", "raw/web/0.jsonl")
    assert plain.run(one, SETTINGS)["key"] != first["key"]


@pytest.mark.real("S3")
@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_by_command_with_workers_and_the_books_balance(
    folder: Path, bucket: Bucket, inputs: str, undisturbed: dict[str, Any]
):
    out = f"{bucket.url}/command"
    text = recipes.dumps(recipe(folder, inputs, out))
    (folder / "bucket.yaml").write_text(yaml.safe_dump(yaml.safe_load(text)), encoding="utf-8")
    for command in (
        ["run", "bucket.yaml", "--plan"],
        ["run", "bucket.yaml", "--workers", "2"],
        ["account", out],
        ["manifest", "verify", out],
        ["inspect", out, "--sample", "1"],
        ["clean", out],
        ["account", out],
    ):
        result = winnow(*command, cwd=folder)
        assert result.returncode == 0, (command, result.stderr)
    assert world.digests(out) == undisturbed
