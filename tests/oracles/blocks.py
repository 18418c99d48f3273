"""Lines and paragraphs with the methods of str."""

import re

from tests.oracles.lines import words


def lines(text: str) -> list[tuple[int, int, str]]:
    """(start, stop, what it says) of each line, in bytes; its newline goes with it."""
    found, at = [], 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        size = len(line.encode())
        found.append((at, at + size, line.strip()))
        at += size
    return found


def blocks(text: str, unit: str, least: int) -> list[tuple[int, int, tuple[str, ...]]]:
    """(start, stop, its lines) of each block of at least so many tokens."""
    held: list[tuple[int, int, tuple[str, ...]]] = []
    open_ = False
    for start, stop, said in lines(text):
        if not said:
            if held and unit == "paragraph":
                held[-1] = (held[-1][0], stop, held[-1][2])
            open_ = False
        elif open_ and unit == "paragraph":
            held[-1] = (held[-1][0], stop, (*held[-1][2], said))
        else:
            held.append((start, stop, (said,)))
            open_ = True
    return [one for one in held if sum(map(words, one[2])) >= least]
