"""Which requests were at an engine when a worker died. Each worker notes an id before it sends it, and again when it has answered.

A worker's journal is locked for as long as it lives; the kernel lets go when it dies, however it dies. Who finds an unlocked
one knows that every id open in it was in the hands of the dead.
"""

import fcntl
import os
import tempfile
from collections import Counter

COMPACT_BYTES = 1 << 20


class Journal:
    """One worker's notes, and what those of the dead say."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self.folder, self.open, self.written = folder, set[str](), 0
        self.read, self.found = set[str](), Counter[str]()
        descriptor, self.path = tempfile.mkstemp(dir=folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.file = os.fdopen(
            descriptor, "w", encoding="ascii", buffering=1
        )  # a line is with the kernel when it is written

    def enter(self, identifier: str) -> None:
        """It is about to be sent."""
        self.open.add(identifier)
        self.note(f"+{identifier}\n")

    def leave(self, identifier: str) -> None:
        """It came back, or was given back."""
        if identifier in self.open:
            self.open.remove(identifier)
            self.note(f"-{identifier}\n")

    def note(self, line: str) -> None:
        self.written += self.file.write(line)
        if (
            self.written > COMPACT_BYTES
        ):  # a death between these two forgets who was in hand: they count as never tried
            self.file.seek(0)
            self.file.truncate()
            self.written = self.file.write("".join(f"+{one}\n" for one in sorted(self.open)))
            self.file.flush()

    def deaths(self, identifier: str) -> int:
        """How many workers died with this id in hand."""
        for entry in os.scandir(self.folder):
            if (
                entry.path != self.path
                and entry.name not in self.read
                and (left := in_hand(entry.path)) is not None
            ):
                self.read.add(entry.name)
                self.found.update(left)
                if not left:
                    os.unlink(entry.path)
        return self.found[identifier]

    def close(self) -> None:
        """The worker leaves in order, with nothing in hand."""
        self.file.close()
        os.unlink(self.path)


def in_hand(path: str) -> set[str] | None:
    """The ids open in a dead worker's journal; None while it lives, or when it is gone."""
    try:
        file = open(path, encoding="ascii")  # noqa: SIM115  # closed below
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        left: set[str] = set()
        for line in file:
            if line.startswith("+"):
                left.add(line[1:].strip())
            else:
                left.discard(line[1:].strip())
        return left
