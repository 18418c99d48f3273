"""Pythons of their own, below the cache folder of the Makefile, for what does not go beside our requirements."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from pipeline import __version__

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow" / __version__


def trainers_python() -> str:
    """The interpreter of the group."""
    return python_with(
        "trainers", tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["trainers"]
    )


def python_with(name: str, group: list[str], bare: Path | None = None, left_out: str = "") -> str:
    """An interpreter with these requirements; installed when it is not there, and again when they have changed.

    `bare`: a file of one pinned package whose own requirements cannot all be met: it goes in without them, then those
    of them that `left_out` (a pattern) does not match.
    """
    pin = bare.read_text() if bare else ""
    folder = CACHE / f"{name}-{hashlib.sha256(f'{group}{pin}{left_out}'.encode()).hexdigest()[:8]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        uv = Path(sys.executable).parent / "uv"  # not there where .ci/install took pip
        own = [uv, "pip", "install", "--python", python] if uv.exists() else [python, "-m", "pip", "install"]
        if bare:
            subprocess.run([*own, "--quiet", "--no-deps", "--require-hashes", "-r", bare], check=True)
            group = [*group, *required(python, pin.partition("==")[0], left_out)]
        subprocess.run([*own, "--quiet", *group], check=True)
        done.touch()
    return str(python)


def required(python: Path, package: str, left_out: str) -> list[str]:
    """What an installed package requires without extras, less what the pattern matches."""
    ask = f"from importlib.metadata import requires; print(*requires({package!r}), sep='\\n')"
    said = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout
    return [one for one in said.splitlines() if "extra ==" not in one and not re.match(left_out, one)]
