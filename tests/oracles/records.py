"""JSONL in the plainest words: the whole file at once, the standard library's parser, no ranges and no batches."""

import json


def positions(data: bytes) -> dict[int, bytes]:
    """Every line that is not blank, by the offset of its first byte."""
    found, at = {}, 0
    for line in data.split(b"\n"):
        shown = line.removeprefix(b"\xef\xbb\xbf") if at == 0 else line
        if shown.strip():
            found[at] = shown
        at += len(line) + 1
    return found


def twins_or_long(line: bytes) -> bool:
    """Whether a field of a valid line stands twice, or an integer needs more than 64 bits."""
    found = []

    def pairs(items: list) -> dict:
        found.append(len(dict(items)) < len(items))
        return dict(items)

    def integer(digits: str) -> int:
        found.append(not -(2**63) <= int(digits) < 2**64)
        return 0

    json.loads(line.decode(), object_pairs_hook=pairs, parse_int=integer)
    return any(found)
