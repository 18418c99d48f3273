"""A Python of its own for what reads exports: the dependency group `trainers`, 5 GB below the cache folder of the Makefile."""

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from pipeline import __version__

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow" / __version__


def trainers_python() -> str:
    """The interpreter of the group."""
    return python_with(
        "trainers", tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["trainers"]
    )


def python_with(name: str, group: list[str]) -> str:
    """An interpreter with these requirements; installed when it is not there, and again when they have changed."""
    folder = CACHE / f"{name}-{hashlib.sha256(str(group).encode()).hexdigest()[:8]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        uv = Path(sys.executable).parent / "uv"  # not there where .ci/install took pip
        own = [uv, "pip", "install", "--python", python] if uv.exists() else [python, "-m", "pip", "install"]
        subprocess.run([*own, "--quiet", *group], check=True)
        done.touch()
    return str(python)
