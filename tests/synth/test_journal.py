"""Who was in hand when a worker died: found at once, by all, while others come and go; forgotten when it has ended."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from synth.journal import Journal

ONE, AGAIN, OTHER = ("ab" * 16, 0), ("ab" * 16, 1), ("cd" * 16, 0)


def die(journal: Journal) -> None:
    """As kill -9: the kernel closes the file, which stays."""
    journal.file.close()


def test_what_the_dead_held_is_known_to_all_and_only_in_that_life(tmp_path: Path):
    here, there, dying = (Journal(str(tmp_path)) for _ in range(3))
    for key in (ONE, OTHER):
        dying.enter(key)
    dying.leave(OTHER)
    asyncio.run(here.look())
    assert here.deaths(ONE) == 0
    die(dying)
    for one in (here, there):
        asyncio.run(one.look())
        assert [one.deaths(key) for key in (ONE, AGAIN, OTHER)] == [1, 0, 0]
        one.close()


def test_the_journals_of_the_dead_go_when_the_last_that_they_held_has_ended(tmp_path: Path):
    dying = Journal(str(tmp_path))
    dying.enter(ONE)
    dying.enter(OTHER)
    die(dying)
    with closing(Journal(str(tmp_path))) as here:
        here.forget(ONE)
        with closing(Journal(str(tmp_path))) as later:
            assert [here.deaths(ONE), later.deaths(ONE), later.deaths(OTHER)] == [0, 0, 1]
        here.forget(OTHER)
    assert os.listdir(tmp_path) == []


def test_workers_that_come_and_go_disturb_no_neighbour(tmp_path: Path):
    """Nobody's look ends in an error, and nobody who lives is taken for dead."""

    def live(_: int) -> None:
        for _ in range(200):
            journal = Journal(str(tmp_path))
            journal.enter(ONE)
            assert journal.path.exists()
            assert journal.deaths(ONE) == 0
            journal.leave(ONE)
            journal.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(live, range(3)))
    assert os.listdir(tmp_path) == []


def test_letters_that_wait_together_share_one_look(tmp_path: Path):
    async def body() -> int:
        journal, looks = Journal(str(tmp_path)), 0
        scan = journal.scan

        def counted() -> None:
            nonlocal looks
            looks += 1
            scan()

        journal.scan = counted  # type: ignore[method-assign]
        await asyncio.gather(*(journal.look() for _ in range(100)))
        journal.close()
        return looks

    assert asyncio.run(body()) <= 2
