"""What one whole process costs, with all of its children: CPU seconds, wall seconds, memory at most."""

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.benchmarks import inputs

ROOT = Path(__file__).resolve().parents[2]
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "ARROW_NUM_THREADS"), "1") | {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
}  # fmt: skip
EVERY = 0.5  # seconds between two looks at memory


class Cost(NamedTuple):
    cpu: float
    wall: float
    memory: float  # MB of all processes together, shared pages once (PSS)
    facts: dict[str, Any]  # what the program said last


class FailedError(RuntimeError):
    """A program ended with an error; the message ends in what it said."""


def measure(command: Sequence[str | Path], cwd: str | Path = ROOT) -> Cost:
    """Run it to its end. Its facts are the JSON of the last line that it prints."""
    before, begin, memory = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0.0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=out, stderr=errors, env={**os.environ, **ONE_CORE}
        )
        while process.poll() is None:
            memory = max(memory, held(process.pid))
            time.sleep(EVERY)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            raise FailedError(
                f"{' '.join(map(str, command))}\n{errors.read().decode(errors='replace')[-2000:]}"
            )
        lines = out.read().decode().strip().splitlines()
    facts = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return Cost(sum(after[:2]) - sum(before[:2]), wall, memory, facts)


def held(pid: int) -> float:
    """MB of a process and all below it, now."""
    total = 0
    try:
        every = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for one in every:
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue  # it has just ended
    return total / 1e6


@contextmanager
def job(work: str, given: inputs.Input, **fields: Any) -> Iterator[Path]:
    """A job's file in an empty folder beside the inputs, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(dir=inputs.folder()) as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps({"work": work, "files": given.files, "folder": folder, **fields}))
        yield path


def versions(python: str, names: Sequence[str]) -> Mapping[str, str]:
    """The versions of packages in an environment."""
    code = "import json, sys; from importlib.metadata import version; print(json.dumps({one: version(one) for one in sys.argv[1:]}))"
    return measure([python, "-c", code, *names]).facts
