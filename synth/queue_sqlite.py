"""A queue in one SQLite file, for workers of one machine.

A received letter names its owner, whose lock the kernel holds for as long as the process lives: no clock decides who is dead.
"""

import asyncio
import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from synth.queue import LANES, Counts, Letter, QueueError

SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (place INTEGER PRIMARY KEY, variant TEXT, lane INTEGER, id TEXT, body BLOB, attempt INTEGER,
  crashes INTEGER, life INTEGER, due REAL, owner TEXT, reason TEXT);
CREATE INDEX IF NOT EXISTS waiting ON letters (variant, lane, place) WHERE owner IS NULL AND reason IS NULL;
CREATE INDEX IF NOT EXISTS held ON letters (owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS dead ON letters (variant) WHERE reason IS NOT NULL;
CREATE TABLE IF NOT EXISTS senders (variant TEXT, sender TEXT, last INTEGER, PRIMARY KEY (variant, sender));
"""
INSERT = "INSERT INTO letters (variant, lane, id, body, attempt, crashes, life, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
CLAIM = """
UPDATE letters SET owner = ? WHERE place = (SELECT place FROM letters WHERE variant = ? AND owner IS NULL AND reason IS NULL
  AND due <= ? ORDER BY lane, place LIMIT 1) RETURNING place, lane, id, body, attempt, crashes, life
"""
COUNTS = """
SELECT coalesce(sum(owner IS NULL AND reason IS NULL AND due <= :now), 0), coalesce(sum(owner IS NOT NULL), 0),
  coalesce(sum(owner IS NULL AND reason IS NULL AND due > :now), 0), coalesce(sum(reason IS NOT NULL), 0)
FROM letters WHERE variant = :variant
"""
BUSY_SECONDS = 60.0  # wait this long for others to finish writing
POLL_SECONDS = 0.02
REAP_SECONDS = 0.5  # between two looks for dead owners


class SqliteQueue:
    """See synth.queue.Queue. Calls take under a millisecond where nobody else writes, so they run in the event loop."""

    def __init__(self, path: str, variant: str, create: bool = False) -> None:
        if not create and not os.path.exists(path):
            raise QueueError(f"{path}: no queue is here; submit a job first")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        self.path, self.owners, self.variant, self.reaped = path, f"{path}.owners", variant, 0.0
        self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a power cut may undo acknowledgements: they are hints
        self.connection.executescript(SCHEMA)
        self.owner, self.lock = self.own()

    def own(self) -> tuple[str, int]:
        """A name that nobody else has, and its locked file."""
        os.makedirs(self.owners, exist_ok=True)
        lock, path = tempfile.mkstemp(dir=self.owners)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return os.path.basename(path), lock

    def row(self, letter: Letter, due: float) -> tuple[object, ...]:
        lane = LANES.index(letter.lane)
        return self.variant, lane, letter.id, letter.body, letter.attempt, letter.crashes, letter.life, due

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction. A file that cannot be written is a QueueError."""
        try:
            with self.connection:
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
        except sqlite3.OperationalError as error:
            raise QueueError(f"{self.path}: {error}") from error

    async def send(self, letters: Sequence[Letter], sender: str, first: int) -> None:
        key = self.variant, sender
        self.connection.execute("PRAGMA synchronous = FULL")
        with self.writing() as file:
            found = file.execute("SELECT last FROM senders WHERE variant = ? AND sender = ?", key).fetchone()
            last = found[0] if found else 0
            file.executemany(INSERT, (self.row(one, 0.0) for one in letters[max(0, last - first + 1) :]))
            last = max(last, first + len(letters) - 1)
            file.execute("INSERT OR REPLACE INTO senders VALUES (?, ?, ?)", (*key, last))
        self.connection.execute("PRAGMA synchronous = NORMAL")

    async def receive(self, seconds: float) -> Letter | None:
        until = time.monotonic() + seconds
        while True:
            if time.monotonic() > self.reaped + REAP_SECONDS:
                self.reap()
            with self.writing() as file:
                row = file.execute(CLAIM, (self.owner, self.variant, time.time())).fetchone()
            if row:
                place, lane, name, body, attempt, crashes, life = row
                return Letter(name, body, LANES[lane], attempt, crashes, life, place)
            left = until - time.monotonic()
            if left <= 0:
                return None
            await asyncio.sleep(min(POLL_SECONDS, left))

    def reap(self) -> None:
        """Give back what dead owners hold."""
        self.reaped = time.monotonic()
        for (owner,) in self.connection.execute(
            "SELECT DISTINCT owner FROM letters WHERE owner IS NOT NULL"
        ).fetchall():
            if owner != self.owner and self.gone(owner):
                with self.writing() as file:
                    file.execute("UPDATE letters SET owner = NULL WHERE owner = ?", (owner,))

    def gone(self, owner: str) -> bool:
        """Whether nobody holds the owner's lock."""
        try:
            lock = os.open(f"{self.owners}/{owner}", os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    async def ack(self, letters: Sequence[Letter]) -> None:
        with self.writing() as file:
            file.executemany("DELETE FROM letters WHERE place = ?", [(one.handle,) for one in letters])

    async def hand_back(self, letter: Letter) -> None:
        with self.writing() as file:
            file.execute("UPDATE letters SET owner = NULL WHERE place = ?", (letter.handle,))

    async def retry(self, letter: Letter, again: Letter, seconds: float) -> None:
        with self.writing() as file:
            file.execute(INSERT, self.row(again, time.time() + seconds))
            file.execute("DELETE FROM letters WHERE place = ?", (letter.handle,))

    async def bury(self, letter: Letter, reason: str) -> None:
        with self.writing() as file:
            file.execute(
                "UPDATE letters SET owner = NULL, reason = ? WHERE place = ?", (reason, letter.handle)
            )

    async def counts(self) -> Counts:
        now = {"now": time.time(), "variant": self.variant}
        return Counts(*self.connection.execute(COUNTS, now).fetchone())

    async def close(self) -> None:
        with self.writing() as file:
            file.execute("UPDATE letters SET owner = NULL WHERE owner = ?", (self.owner,))
        self.connection.close()
        os.unlink(f"{self.owners}/{self.owner}")
        os.close(self.lock)
