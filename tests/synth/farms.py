"""A small world of the farm: rows, a job, engine doubles, workers that die where they are told to, and what a worker process is."""

import asyncio
import errno
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson

from pipeline import forms
from pipeline.data.store import LocalStore
from synth import engine_double, requests
from synth import farm as farms
from synth.farm import Farm
from synth.requests import Task
from synth.work import Post, free_port, work
from synth.worker import Habits, Worker

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.synth.farms"])
QUICK = Habits(
    16,
    deadline_seconds=20,
    delay_seconds=0.05,
    commit_seconds=0.1,
    probe_seconds=0.2,
    stall_seconds=3,
    max_yield_seconds=1,
    stop_when_empty=True,
)


def write(path: Path, plain: Any) -> str:
    path.write_text(forms.write(plain), encoding="utf-8")
    return str(path)


def task(folder: Path, farm: Farm, said: list[dict[str, Any]], **job: Any) -> Task:
    """A job of these rows, as its file says it."""
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in said))
    plain = {
        "job": "j",
        "farm": write(folder / "farm.yaml", forms.dump(farm)),
        "rows": str(folder / "rows.jsonl"),
        "variant": "double",
        "template": "Say something of {{ text | data }}",
        **job,
    }
    return requests.read(
        write(folder / "job.yaml", {key: value for key, value in plain.items() if value is not None})
    )


def texts(count: int, fault: str = "") -> list[dict[str, Any]]:
    return [{"text": f"A text about the number {number}. {fault}"} for number in range(count)]


@contextmanager
def process(target: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """A process of its own, of a server that has everything imported; ended when the block is left."""
    one = SERVER.Process(target=target, args=arguments)
    one.start()
    try:
        yield one
    finally:
        one.kill()
        one.join()


@contextmanager
def double(rate: float = 2_000, slots: int = 16, model: str = "double") -> Iterator[str]:
    """The URL of an engine double, once it answers."""
    port = free_port()
    said = ["--port", str(port), "--rate", str(rate), "--slots", str(slots), "--model", model]
    with process(engine_double.main, said) as one:
        while not answers(port):
            assert one.exitcode is None
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except OSError:
        return False


def command(url: str, mode: str) -> None:
    """Put a double into a mode."""
    data = orjson.dumps({"mode": mode})
    with urllib.request.urlopen(f"{url}/double", data, timeout=5):
        return


def own_double(rate: float = 2_000) -> tuple[str, ...]:
    """The command of a double that a worker starts itself."""
    return (sys.executable, "-m", "synth.engine_double", "--port", "{port}", "--rate", str(rate))


class Dying:
    """A `step` that kills its process at the n-th step of a name."""

    def __init__(self, name: str, at: int) -> None:
        self.name, self.left = name, at

    def __call__(self, step: str, _: str) -> None:
        self.left -= step == self.name
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


FULL_UNTIL = [0.0]  # by the monotonic clock


class FullDisk(Worker):
    """A worker whose disk is full for a while."""

    def store(self, job: str) -> LocalStore:
        return Full(super().store(job).root) if time.monotonic() < FULL_UNTIL[0] else super().store(job)


class Full(LocalStore):
    def temporary(self) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def worker_process(farm: str, url: str, death: Sequence[Any], full_seconds: float, attempts: int) -> None:
    step = {"step": Dying(*death)} if death else {}
    habits = replace(QUICK, stop_when_empty=False, attempts=attempts)
    FULL_UNTIL[0] = time.monotonic() + full_seconds
    asyncio.run(work(Post(farms.read(farm), "double", url), habits, FullDisk, **step))


def worker(
    task: Task, url: str, *death: Any, full_seconds: float = 0, attempts: int = 5
) -> AbstractContextManager[BaseProcess]:
    """A worker that stays until it is told to leave, or dies at the N-th step of a name: (STEP, N)."""
    return process(worker_process, task.job.farm, url, death, full_seconds, attempts)
