"""Jobs that do to a helper what a foreign parser may."""

import ctypes
import os
import time
from collections.abc import Iterator

from pipeline.readers.frames import Frame
from pipeline.readers.helper import Ask
from pipeline.readers.shape import Refused


def echo(job: Frame, _ask: Ask) -> Frame:
    return Frame({"n": job.head.get("n")}, job.body)


def spin(_job: Frame, _ask: Ask) -> Frame:
    while True:
        pass


def sleep(_job: Frame, _ask: Ask) -> Frame:
    time.sleep(1000)
    return Frame({})


def crash(_job: Frame, _ask: Ask) -> Frame:
    ctypes.string_at(0)
    return Frame({})


def leave(_job: Frame, _ask: Ask) -> Frame:
    os._exit(7)


def hoard(_job: Frame, _ask: Ask) -> Frame:
    return Frame({"n": len(bytearray(8 << 30))})


def stumble(_job: Frame, _ask: Ask) -> Frame:
    raise AttributeError("of a library")


def refuse(_job: Frame, _ask: Ask) -> Frame:
    raise Refused("nested_too_deep", "7 levels")


def chatter(job: Frame, ask: Ask) -> Frame:
    print("what a library prints", flush=True)
    os.write(1, b"and what its C code does")
    return echo(job, ask)


def halves(job: Frame, ask: Ask) -> Iterator[Frame]:
    """Both halves of the file at hand, then nothing or a death."""
    size = job.head["size"] // 2
    yield Frame({}, ask(0, size))
    yield Frame({}, ask(size, size))
    if job.head.get("dies"):
        os._exit(7)
    if job.head.get("refuses"):
        raise Refused("broken_parquet", "after two")
