"""No text keeps a regular expression of the project busy: each is tried against what its own parts make of it."""

import re
import signal
import time
from typing import Any

import pytest

from tests.faults.patterns import Pattern, attacks, patterns

SIZE = 20_000  # characters: ours take 4 ms at most, `\s+$` takes 0.9 s
SECONDS = 0.15  # of CPU: what takes the square of its length takes more
KNOWN = list(patterns())


def slow(pattern: re.Pattern[Any], verb: str) -> Any:
    """The beginning of the first attack that takes too long."""
    for text in attacks(pattern, SIZE):
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS)
        try:
            ask(pattern, verb, text)
        except TimeoutError:
            pass
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if time.process_time() - begin > SECONDS:
            return text[:60]
    return None


def ask(pattern: re.Pattern[Any], verb: str, text: Any) -> None:
    if verb in ("sub", "subn"):
        pattern.sub(text[:0], text)
    elif verb == "finditer":
        list(pattern.finditer(text))
    else:
        getattr(pattern, verb)(text)


@pytest.fixture(autouse=True)
def _interrupted() -> Any:
    before = signal.signal(signal.SIGPROF, interrupt)
    yield
    signal.signal(signal.SIGPROF, before)


def interrupt(*_: object) -> None:
    raise TimeoutError


@pytest.mark.parametrize("pattern", KNOWN, ids=[one.name for one in KNOWN])
def test_none_is_slow(pattern: Pattern):
    assert {verb: slow(pattern.compiled, verb) for verb in pattern.verbs} == dict.fromkeys(pattern.verbs)


@pytest.mark.parametrize(
    ("source", "verb"),
    [
        (r"(a+)+$", "match"),
        (r"(?:<!--.*?-->\s*)*<html", "match"),
        (r"\s+$", "search"),
        (r".*?,.*?,.*?;", "match"),
    ],
)
def test_what_is_known_to_be_slow_is_found(source: str, verb: str):
    assert slow(re.compile(source, re.DOTALL), verb)


def test_the_look_into_the_source_finds_what_it_is_for():
    names = {one.name for one in KNOWN}
    assert {"pipeline.readers.records:ARC", "pipeline.forms:snake_case", "synth.template:CONTROL"} <= names
    assert len(KNOWN) > 30
