"""The world with its recipe, and what a run of it without any engine gives."""

from pathlib import Path
from typing import Any

import pytest

from tests import plain, world
from tests.cli.command import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    plain.run(world.recipe(folder, "undisturbed"))
    return world.digests(folder / "undisturbed")
