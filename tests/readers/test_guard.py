"""A helper's death costs one record; its neighbours, their order and the worker live."""

import os
import threading
from collections.abc import Iterator

import pytest

from pipeline.readers import guard
from pipeline.readers.frames import Frame
from pipeline.readers.guard import Limits, ask, helper_for, stream
from pipeline.readers.shape import Refused

SMALL = Limits(cpu_seconds=0.5, wall_seconds=20, memory_bytes=1 << 30)


def job(name: str, body: bytes = b"", **head: object) -> Frame:
    return Frame({"job": f"tests.readers.hostile_jobs:{name}", **head}, body)


def said(answer: Frame | Refused) -> object:
    return (answer.reason, answer.detail) if isinstance(answer, Refused) else answer.body


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("spin", "timeout", "more than 0.5 s of CPU time"),
        ("crash", "parser_died", "SIGSEGV"),
        ("leave", "parser_died", "exit status 7"),
        ("hoard", "parser_died", "more than 1,024 MiB of memory"),
        ("stumble", "parser_died", "AttributeError: of a library"),
        ("refuse", "nested_too_deep", "7 levels"),
    ],
)
def test_what_kills_a_helper_is_one_answer_and_its_neighbours_live(name: str, reason: str, detail: str):
    answers = ask([job("echo", b"before"), job(name), job("echo", "之后".encode())], SMALL)
    assert [said(one) for one in answers] == [b"before", (reason, detail), "之后".encode()]


def test_what_sleeps_is_ended_by_the_clock():
    limits = Limits(wall_seconds=1)
    assert said(ask([job("sleep")], limits)[0]) == ("timeout", "no answer within 1 s of the clock")
    assert said(ask([job("echo", b"after")], limits)[0]) == b"after"


def test_bodies_far_larger_than_a_pipe_go_both_ways_at_once():
    """Neither end waits for the other to read."""
    bodies = [bytes([n]) * (3 << 20) for n in range(8)]
    assert [said(one) for one in ask(job("echo", body) for body in bodies)] == bodies


def test_what_a_library_prints_is_no_answer():
    assert said(ask([job("chatter", b"a")])[0]) == b"a"


def test_a_helper_is_kept_from_one_question_to_the_next():
    ask([job("echo")])
    first = helper_for(guard.LIMITS).process.pid
    ask([job("echo")])
    assert helper_for(guard.LIMITS).process.pid == first


def test_each_thread_has_its_own():
    found: list[int] = []

    def run() -> None:
        found.extend(len(one.body) for one in ask(job("echo", b"a" * n) for n in range(50)))
        found.append(-helper_for(guard.LIMITS).process.pid)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found)[3:] == sorted([*range(50)] * 3)
    assert len(set(sorted(found)[:3])) == 3


def test_a_forked_child_starts_its_own():
    mine = helper_for(guard.LIMITS)
    mine.owner += 1  # as it looks from a child
    assert helper_for(guard.LIMITS) is not mine
    mine.owner = os.getpid()
    mine.stop()


def served(offset: int, length: int) -> bytes:
    return "一片海天".encode()[offset : offset + length]


def taken(answers: Iterator[Frame]) -> tuple[bytes, str | None]:
    """All bodies, and the reason that ended them."""
    bodies = b""
    try:
        for one in answers:
            bodies += one.body
    except Refused as refused:
        return bodies, refused.reason
    return bodies, None


@pytest.mark.parametrize(
    ("head", "reason"), [({}, None), ({"dies": True}, "parser_died"), ({"refuses": True}, "broken_parquet")]
)
def test_a_stream_gives_what_there_was_before_its_end(head: dict, reason: str | None):
    for _ in range(2):
        assert taken(stream(job("halves", size=12, **head), served)) == ("一片海天".encode(), reason)


def test_a_stream_that_nobody_reads_to_its_end_leaves_nothing_behind():
    answers = stream(job("halves", size=12), served)
    next(answers)
    answers.close()
    assert said(ask([job("echo", b"next")])[0]) == b"next"


def test_what_is_served_may_fail():
    def failing(_offset: int, _length: int) -> bytes:
        raise Refused("unreadable_file", "Input/output error")

    assert taken(stream(job("halves", size=12), failing)) == (b"", "unreadable_file")
    assert said(ask([job("echo", b"next")])[0]) == b"next"
