"""Which requests were at an engine when a worker died. Each worker notes a letter before it sends it, and again when it has answered.

A worker's journal is locked for as long as it lives; the kernel lets go when it dies, however it dies. Who finds an unlocked
one knows that every letter open in it was in the hands of the dead. It is kept until the last of these has ended.
"""

import asyncio
import fcntl
import os
import tempfile
import time
from pathlib import Path

COMPACT_BYTES = 1 << 20
LOOK_SECONDS = 0.02  # between two looks at the others' journals: one look serves all letters that wait for it

Key = tuple[str, int]  # see Letter.key


class Journal:
    """One worker's notes, and what those of the dead say."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self.folder, self.open, self.written = folder, set[Key](), 0
        self.dead: dict[str, set[Key]] = {}  # name of a dead worker's journal → what is open in it
        self.looking, self.looked = asyncio.Lock(), float("-inf")
        descriptor, hidden = tempfile.mkstemp(dir=folder, prefix=".")
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # before others see it, or they would take it for a dead one's
        self.path = Path(folder, os.path.basename(hidden).removeprefix("."))
        os.rename(hidden, self.path)
        self.file = os.fdopen(
            descriptor, "w", encoding="ascii", buffering=1
        )  # a line is with the kernel when it is written
        self.scan()

    def enter(self, key: Key) -> None:
        """It is about to be sent."""
        self.open.add(key)
        self.note(line("+", key))

    def leave(self, key: Key) -> None:
        """It came back, or was given back."""
        if key in self.open:
            self.open.remove(key)
            self.note(line("-", key))

    def note(self, said: str) -> None:
        self.written += self.file.write(said)
        if (
            self.written > COMPACT_BYTES
        ):  # a death between these two forgets who was in hand: they count as never tried
            self.file.seek(0)
            self.file.truncate()
            self.written = self.file.write("".join(line("+", one) for one in sorted(self.open)))
            self.file.flush()

    async def look(self) -> None:
        """Learn of every death that was before this call: a letter whose worker died comes again at once."""
        asked = time.monotonic()
        async with self.looking:
            if self.looked < asked:
                await asyncio.sleep(max(0.0, self.looked + LOOK_SECONDS - asked))
                self.looked = time.monotonic()
                await asyncio.to_thread(self.scan)

    def scan(self) -> None:
        """Read the journals of those who died since. Two at once find the same."""
        for name in os.listdir(self.folder):
            path = Path(self.folder, name)
            if name.startswith(".") or path == self.path or name in self.dead:
                continue
            if (left := in_hand(path)) is not None:
                self.dead[name] = left
                if not left:
                    path.unlink(missing_ok=True)

    def deaths(self, key: Key) -> int:
        """How many workers died with this letter in hand."""
        return sum(key in left for left in self.dead.values())

    def forget(self, key: Key) -> None:
        """It has ended: the journals of the dead need not keep it."""
        for name, left in self.dead.items():
            if key in left:
                left.remove(key)
                path = Path(self.folder, name)
                if left:
                    with path.open("a", encoding="ascii") as file:
                        file.write(line("-", key))
                else:
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """The worker leaves in order, with nothing in hand."""
        self.path.unlink(missing_ok=True)  # while it is locked, so that nobody takes us for dead
        self.file.close()


def line(sign: str, key: Key) -> str:
    return f"{sign}{key[0]} {key[1]}\n"


def in_hand(path: Path) -> set[Key] | None:
    """The letters open in a dead worker's journal; None while it lives, or when it is gone."""
    try:
        file = path.open(encoding="ascii")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: who else looks is no sign of life
        except BlockingIOError:
            return None
        left: set[Key] = set()
        for said in file:
            identifier, life = said[1:].split()
            (left.add if said.startswith("+") else left.discard)((identifier, int(life)))
        return left
