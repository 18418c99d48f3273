"""Imported by a fork server before it forks: a whole run, so that no process that dies loads the compiled kernels first (7 CPU s)."""

import tempfile
from pathlib import Path

from tests import plain, world
from tests.faults.test_kills import SETTINGS

with tempfile.TemporaryDirectory() as folder:
    plain.run(world.recipe(world.make(Path(folder), files=1, rows=40)), SETTINGS)
