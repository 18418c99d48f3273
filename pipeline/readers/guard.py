"""Answers from a helper process, in which foreign parsers run: what kills or hangs it costs one record, never the worker.

Each thread has its own helper, started when first asked and kept; it ends with its standard input, so with the worker. Caps on
size, depth and tags, which refuse a record before any clock does, are the jobs' own.
"""

import atexit
import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from pipeline.readers.frames import Frame, Incoming, parts
from pipeline.readers.helper import CHUNK, OUT_OF_MEMORY
from pipeline.readers.shape import Refused


@dataclass(frozen=True)
class Limits:
    """Of one answer. CPU seconds, so that a busy machine kills nobody; wall seconds for what sleeps."""

    cpu_seconds: float = 10  # 400,000 <p>, near all caps, take 1.05 s
    wall_seconds: float = 600
    memory_bytes: int = 2 << 30  # beyond what the helper has when it starts


LIMITS = Limits()
START_SECONDS = 300  # until a helper is up: about one of CPU time
BUFFERS = 64  # sent at once, at most; an engine's IOV_MAX is 1024
Serve = Callable[[int, int], bytes]  # offset, length → bytes of the file at hand


class DiedError(Exception):
    """The helper is gone. `refused`: what that says of the record it was at."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class Helper:
    """A process of pipeline.readers.helper, and what goes to and fro."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.owner = limits, os.getpid()
        self.incoming, self.outgoing = Incoming(), deque[memoryview]()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.readers.helper", str(limits.cpu_seconds), str(limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **SINGLE},
            bufsize=0,
        )  # fmt: skip
        assert self.process.stdin is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        for pipe in (self.stdin, self.stdout):
            os.set_blocking(pipe.fileno(), False)
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                with suppress(
                    PermissionError
                ):  # a user's pipes may hold 64 MiB in all; small ones do too, in more turns
                    fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, CHUNK)

        self.get(START_SECONDS)

    def put(self, frame: Frame) -> None:
        """Have a frame sent while waiting for answers."""
        self.outgoing += (memoryview(part) for part in parts(frame) if part)

    def get(self, seconds: float | None = None) -> Frame:
        """The next frame. DiedError when none will come."""
        within = self.limits.wall_seconds if seconds is None else seconds
        deadline = time.monotonic() + within
        while (frame := self.incoming.take()) is None:
            if not self.exchange(deadline - time.monotonic()):
                self.stop()
                raise DiedError(Refused("timeout", f"no answer within {within:g} s of the clock"))
        return frame

    def exchange(self, seconds: float) -> bool:
        """Send and receive what can be within the time; whether that is anything."""
        poll = select.poll()
        poll.register(self.stdout, select.POLLIN)
        if self.outgoing:
            poll.register(self.stdin, select.POLLOUT)
        ready = dict(poll.poll(max(0, seconds) * 1000))
        if ready.get(self.stdin.fileno()):
            self.send()
        if ready.get(self.stdout.fileno()):
            self.receive()
        return bool(ready)

    def send(self) -> None:
        try:
            sent = os.writev(self.stdin.fileno(), list(islice(self.outgoing, BUFFERS)))
        except BrokenPipeError:
            self.outgoing.clear()  # why it is gone is known when its answers end
            return
        while sent:
            part = self.outgoing.popleft()
            if len(part) > sent:
                self.outgoing.appendleft(part[sent:])
            sent -= min(sent, len(part))

    def receive(self) -> None:
        data = os.read(self.stdout.fileno(), CHUNK)
        if not data:
            raise DiedError(self.autopsy())
        self.incoming.add(data)

    def autopsy(self) -> Refused:
        """What the helper died of."""
        code = self.process.wait()
        self.stop()
        if code == -signal.SIGPROF:
            return Refused("timeout", f"more than {self.limits.cpu_seconds:g} s of CPU time")
        if code == OUT_OF_MEMORY:
            return Refused("parser_died", f"more than {self.limits.memory_bytes >> 20:,} MiB of memory")
        return Refused("parser_died", signal.Signals(-code).name if code < 0 else f"exit status {code}")

    def stop(self) -> None:
        for pipe in (self.stdin, self.stdout):
            pipe.close()
        self.process.kill()
        self.process.wait()


SINGLE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""One thread, whose CPU time is the record's; memory that is given back, so that the cap is of what is held."""


class Own(threading.local):
    """The helpers of this thread, by their limits."""

    def __init__(self) -> None:
        self.helpers: dict[Limits, Helper] = {}


OWN = Own()
STARTED: list[Helper] = []


def helper_for(limits: Limits) -> Helper:
    """The helper of this thread, started if there is none; a forked child does not touch its parent's."""
    held = OWN.helpers.get(limits)
    if held is None or held.owner != os.getpid() or held.process.poll() is not None:
        held = OWN.helpers[limits] = Helper(limits)
        STARTED[:] = [one for one in STARTED if one.process.poll() is None]
        STARTED.append(held)
    return held


def forget(limits: Limits) -> None:
    """End this thread's helper: it died, or is in the middle of a job that nobody waits for."""
    OWN.helpers.pop(limits).stop()


@atexit.register
def stop_all() -> None:
    for one in STARTED:
        if one.owner == os.getpid():
            one.stop()


def ask(jobs: Iterable[Frame], limits: Limits = LIMITS) -> list[Frame | Refused]:
    """The answer to each job, in order: one frame, or why there is none. Jobs are sent together."""
    left, answers = list(jobs), list[Frame | Refused]()
    while left:
        helper, before = helper_for(limits), len(answers)
        for job in left:
            helper.put(job)
        try:
            for _ in left:
                frame = helper.get()
                helper.get()  # end
                answers.append(refused_by(frame) or frame)
        except DiedError as died:
            forget(limits)
            answers.append(died.refused)
        left = left[len(answers) - before :]
    return answers


def stream(job: Frame, serve: Serve, limits: Limits = LIMITS) -> Generator[Frame, None, None]:
    """The answers to one job that gives many, and asks for bytes of the file at hand. Refused is raised, at its place."""
    helper, whole = helper_for(limits), False
    helper.put(job)
    try:
        while not (frame := helper.get()).head.get("end"):
            if "offset" in frame.head:
                helper.put(Frame({}, serve(frame.head["offset"], frame.head["length"])))
            elif refused := refused_by(frame):
                helper.get()  # end
                whole = True
                raise refused
            else:
                yield frame
        whole = True
    except DiedError as died:
        raise died.refused from died
    finally:
        if not whole:
            forget(limits)


def refused_by(frame: Frame) -> Refused | None:
    return Refused(frame.head["reason"], frame.head.get("detail")) if "reason" in frame.head else None
