"""A local run that survives the loss of a worker: the pipeline in a child process, watched, and started again.

FnApiRunner with `multi_processing` either ends with "Channel closed prematurely" when a worker dies, or hangs (both were
seen). So: whoever watches ends what is left and starts the same pipeline again. Only for a lost worker, never for an error in
code; what was published stands, so only lost work is done again.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

import psutil

STARTS = 4  # the first, and three more
GRACE = 5.0  # seconds between the loss of a worker and the end of its pipeline, or its word that they may go
LINGER = 60.0  # seconds between a word of the child and what must come then, at most
LOST = 75  # the child's exit code when Beam told it that a worker was lost
WORKER = "apache_beam.runners.worker.sdk_worker_main"
LEAVING = "workers may go"  # the child's word, at a good end and at a bad one
DONE = "pipeline done"


class RunFailedError(RuntimeError):
    """The pipeline ended with an error; the message holds what it said."""


@dataclass
class Child:
    """One start of the pipeline."""

    process: subprocess.Popen[str]
    listener: threading.Thread
    said: list[str]
    workers: set[int] = field(default_factory=set)
    lost_at: float | None = None
    leaving_at: float | None = None
    done_at: float | None = None

    @property
    def done(self) -> bool:
        return DONE in self.said

    def watch(self, now: float) -> None:
        """Note workers that came, and the time when one went."""
        alive = worker_pids(self.process.pid)
        if self.workers - alive and self.lost_at is None:
            self.lost_at = now
        self.workers |= alive
        if LEAVING in self.said and self.leaving_at is None:
            self.leaving_at = now
        if self.done and self.done_at is None:
            self.done_at = now

    def hangs(self, now: float) -> bool:
        """Whether a worker went before it might and nothing follows, or all were told to go and nothing follows."""
        if self.done:
            return False
        if self.leaving_at is not None:
            return now - self.leaving_at > LINGER
        return self.lost_at is not None and now - self.lost_at > GRACE

    def lingers(self, now: float) -> bool:
        """Whether it said that it is done and still does not end."""
        return self.done_at is not None and now - self.done_at > LINGER

    def end(self) -> None:
        """End the child and all of its workers: they share its process group."""
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.listener.join(GRACE)
        if self.process.stdout:
            self.process.stdout.close()


def supervise(command: Sequence[str], tick: Callable[[], None], tell: Callable[[str], None]) -> None:
    """Run the command until it ends well. `tick` is called a few times a second; `tell` gets a sentence when it starts again.

    Raises RunFailedError with the end of what it said when it fails by itself, or loses a worker at every start.
    """
    for start in range(STARTS):
        with tempfile.TemporaryFile("w+", errors="replace") as error:
            child = start_child(command, error)
            try:
                lost = wait(child, tick)
            finally:
                child.end()
            why = tail(error)
        if not lost:
            if child.process.returncode and not child.done:
                raise RunFailedError(why)
            return
        if start + 1 < STARTS:
            tell(
                f"a worker was lost; starting again ({start + 1} of {STARTS - 1}), what was published stands"
            )
    raise RunFailedError(
        f"a worker was lost at each of {STARTS} starts; the machine may be out of memory:\n{why}"
    )


def start_child(command: Sequence[str], error: IO[str]) -> Child:
    """The process in a session of its own, with a thread that keeps its words."""
    process = subprocess.Popen(
        list(command),
        stdout=subprocess.PIPE,
        stderr=error,
        text=True,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    said: list[str] = []
    listener = threading.Thread(target=listen, args=(process.stdout, said), daemon=True)
    listener.start()
    return Child(process, listener, said)


def listen(stream: IO[str] | None, said: list[str]) -> None:
    said.extend(line.strip() for line in stream or ())


def wait(child: Child, tick: Callable[[], None]) -> bool:
    """Until the child ended or hangs; True when a worker was lost on the way and the pipeline did not finish."""
    while child.process.poll() is None:
        child.watch(time.monotonic())
        if child.hangs(time.monotonic()):
            return True
        if child.lingers(time.monotonic()):
            return False
        tick()
        time.sleep(0.2)
    child.listener.join(GRACE)  # its last word may still be on its way
    return not child.done and (child.process.returncode == LOST or child.process.returncode < 0)


def worker_pids(parent: int) -> set[int]:
    """The living Beam workers below a process."""
    try:
        below = psutil.Process(parent).children(recursive=True)
    except psutil.NoSuchProcess:
        return set()
    return {one.pid for one in below if is_worker(one)}


def is_worker(process: psutil.Process) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return WORKER in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def tail(stream: IO[str], lines: int = 200) -> str:
    """The last lines of what the child wrote."""
    stream.seek(0)
    return "\n".join(stream.read().splitlines()[-lines:])


def end_with_parent(parent: int) -> None:
    """In the child: end the whole group when whoever watches is gone (kill -9 leaves no time to say so)."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(0.3)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=look, daemon=True).start()


def say(word: str) -> None:
    """In the child: LEAVING or DONE."""
    print(word, flush=True)  # noqa: T201
