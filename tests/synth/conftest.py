"""The farms of these tests: a folder, and a queue of either kind below one contract."""

import asyncio
from collections.abc import Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from synth.farm import Farm
from tests.synth.broker import Broker

T = TypeVar("T")
NAMESPACES = count()


def run(work: Coroutine[Any, Any, T], seconds: float = 120) -> T:
    """In an event loop, for a limited time: what hangs fails."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(limited())


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    one = Broker(tmp_path_factory.mktemp("pulsar"))
    one.start()
    yield one
    one.kill()


@pytest.fixture(params=["sqlite", pytest.param("pulsar", marks=pytest.mark.engine("Pulsar"))])
def farm(request: pytest.FixtureRequest, tmp_path: Path) -> Farm:
    """A new farm on either queue."""
    if request.param == "sqlite":
        return Farm(str(tmp_path / "farm"))
    broker: Broker = request.getfixturevalue("broker")
    return Farm(str(tmp_path / "farm"), broker.farm(namespace=f"n{next(NAMESPACES)}"))
