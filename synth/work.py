"""Everything that a worker stands on, opened and checked; then the worker, until it leaves."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import prometheus_client

from pipeline.data.store import LocalStore, flush
from synth import variants
from synth.engine import Engine, EngineError, Process
from synth.farm import Farm
from synth.queue import open_queue
from synth.variants import Variant
from synth.worker import Habits, Worker

LOGGED = frozenset(vars(logging.makeLogRecord({})))  # what every record has


@dataclass(frozen=True)
class Post:
    """Where a worker works. Without `url` it starts its engine by `command`, which runs vLLM where none is given."""

    farm: Farm
    variant: str
    url: str = ""
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics_port: int = 0

    @property
    def name(self) -> str:
        """Of its segments: host and process, made anew where it was there before."""
        return f"{socket.gethostname().partition('.')[0]}-{os.getpid()}"

    def process(self, variant: Variant) -> Process | None:
        if self.url:
            return None
        command = self.command or self.server(variant)
        os.makedirs(f"{self.farm.store}/logs", exist_ok=True)
        return Process(
            command, free_port(), self.environment, f"{self.farm.store}/logs/{self.name}-engine.log"
        )

    def server(self, variant: Variant) -> list[str]:
        """VLLM's command line. Raises EngineError where there is none, with what to install."""
        python = self.farm.vllm or sys.executable
        look = "import sys, importlib.util as found; sys.exit(not found.find_spec('vllm'))"
        if not shutil.which(python) or subprocess.run([python, "-c", look], check=False).returncode:
            raise EngineError(
                f"{python}: has no vLLM. It wants an environment of its own: python3 -m venv vllm && vllm/bin/pip install vllm,"
                " then in farm.yaml `vllm: vllm/bin/python`; or name an engine that runs already by its URL"
            )
        module = "vllm.entrypoints.openai.api_server"  # builds that are not called vllm have no `vllm serve`
        return [python, "-m", module, *variant.arguments(), "--host", "127.0.0.1", "--port", "{port}"]


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def work(post: Post, habits: Habits | None = None, make: type[Worker] = Worker, **more: Any) -> None:
    """One worker, from its first look to its last commit. Raises QueueError, EngineError, FormError, OSError."""
    variant = variants.read(post.variant, post.farm.variants)
    writable(post.farm.store)
    queue = await open_queue(post.farm, post.variant)
    process = post.process(variant)
    async with Engine(process.url if process else post.url, os.environ.get("OPENAI_API_KEY", "")) as engine:
        try:
            if process:
                await started(process, engine, variant.model)
            else:
                await engine.check(variant.model)
            worker = make(
                post.farm, queue, engine, habits or Habits(variant.concurrency), post.name, variant.gpus, process,
                variant.model, **more,
            )  # fmt: skip
            if post.metrics_port:
                prometheus_client.start_http_server(post.metrics_port, registry=worker.registry)
            await worker.run()
        finally:
            if process:
                await process.stop()


async def started(process: Process, engine: Engine, model: str) -> None:
    """CancelledError when SIGTERM comes first: an engine that loads, in a session of its own, would outlive us on its GPU."""
    starting = asyncio.ensure_future(process.start(engine, model))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, starting.cancel)
    await starting


def writable(store: str) -> None:
    """EngineError unless results can be kept: found before any is paid for."""
    try:
        os.unlink(flushed(LocalStore(store)))
    except OSError as error:
        raise EngineError(
            f"{store}: results cannot be written here ({error.strerror}); mount it writable"
        ) from error


def flushed(store: LocalStore) -> str:
    """The path of a new file that is on disk."""
    path = store.temporary()
    Path(path).write_bytes(b"x")
    flush(path)
    return path


class JsonLines(logging.Formatter):
    """A line of JSON for each record: time, level, event, and what was said beside it."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        more = {name: value for name, value in vars(record).items() if name not in LOGGED}
        said = {
            "time": record.created,
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **more,
        }
        return orjson.dumps(said, default=str).decode()


def log_lines() -> None:
    """Structured logs of the farm on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("winnow.synth")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
