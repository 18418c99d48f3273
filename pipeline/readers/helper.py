"""`python -m pipeline.readers.helper CPU_SECONDS MEMORY_BYTES`: jobs from standard input, answers to standard output.

The other end is pipeline.readers.guard. A job names its function, `module:name`, which is given the job's frame and `ask`
(offset, length → bytes of the file at hand), and gives one answer or a generator of them. The process dies of too much CPU time
for one answer, or of too much memory; whoever waits for it then knows which job it was.
"""

import inspect
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

import psutil

from pipeline.readers.frames import Frame, Incoming, parts
from pipeline.readers.shape import Refused

OUT_OF_MEMORY = 12  # exit status
CHUNK = 1 << 20
Ask = Callable[[int, int], bytes]


class Pipe:
    """Frames over two file descriptors."""

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink, self.incoming = source, sink, Incoming()

    def get(self) -> Frame | None:
        """The next frame; None when the other end is gone."""
        while (frame := self.incoming.take()) is None:
            if not (data := os.read(self.source, CHUNK)):
                return None
            self.incoming.add(data)
        return frame

    def put(self, frame: Frame) -> None:
        left = memoryview(b"".join(parts(frame)))
        while left:
            left = left[os.write(self.sink, left) :]

    def ask(self, offset: int, length: int) -> bytes:
        """Bytes of the file at hand, by way of whoever asked for the job."""
        self.put(Frame({"offset": offset, "length": length}))
        if (frame := self.get()) is None:
            sys.exit(0)
        return frame.body


@cache
def function_of(name: str) -> Callable[[Frame, Ask], Any]:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def answers(job: Frame, ask: Ask) -> Iterator[Frame]:
    """What the job gives. Whatever a parser raises is the record's doing: it is an answer too, and the next job starts anew."""
    try:
        found = function_of(job.head["job"])(job, ask)
        yield from found if inspect.isgenerator(found) else (found,)
    except Refused as refused:
        yield Frame({"reason": refused.reason, "detail": refused.detail})
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # what is left of a parser that ran out of memory is not to be trusted
    except Exception as error:  # noqa: BLE001 — foreign code over foreign bytes; the row names what it raised
        yield Frame({"reason": "parser_died", "detail": f"{type(error).__name__}: {str(error)[:200]}"})


def serve(pipe: Pipe, cpu_seconds: float) -> None:
    """Jobs until the other end is gone. The kernel's own timer counts CPU seconds, in C code too: SIGPROF ends the process."""
    while (job := pipe.get()) is not None:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        for answer in answers(job, pipe.ask):
            pipe.put(answer)
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        signal.setitimer(signal.ITIMER_PROF, 0)
        pipe.put(Frame({"end": True}))


def main(cpu_seconds: float, memory_bytes: int) -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the limit is known and not kept
        most = psutil.Process().memory_info().vms + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    pipe = Pipe(0, out)
    pipe.put(Frame({"ready": True}))
    serve(pipe, cpu_seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
