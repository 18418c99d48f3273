"""The command line as a user has it: processes of their own, in a folder of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pipeline import recipe as recipes
from tests import world

ROOT = Path(__file__).resolve().parents[2]
WINNOW = [sys.executable, "-P", "-c", "from pipeline.cli import main; main(prog_name='winnow')"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def winnow(*arguments: str, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [*WINNOW, *arguments],
        cwd=cwd,
        env={**ENVIRONMENT, **os.environ, "PYTHONPATH": str(ROOT)},  # what fixtures set, too
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """One command, while it runs; ended when the block is left early."""
    pipe = subprocess.PIPE
    command = [*WINNOW, *arguments]
    with subprocess.Popen(command, cwd=cwd, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def loaded(*arguments: str, among: Sequence[str]) -> list[str]:
    """Which of these modules are loaded when a command has answered."""
    code = f"import sys; from pipeline.cli import main\ntry: main({list(arguments)!r})\nexcept SystemExit: pass\n"
    code += f"print(*[name for name in {list(among)!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()


def make(folder: Path, out: str = "out") -> Path:
    """The world with its recipe.yaml; paths in it are relative to the folder."""
    world.make(folder)
    write_recipe(folder, world.recipe(folder, out))
    return folder


def write_recipe(folder: Path, one: recipes.Recipe, **changes: Any) -> None:
    text = recipes.dumps(one).replace(f"{folder}/", "")
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**yaml.safe_load(text), **changes}), encoding="utf-8")
