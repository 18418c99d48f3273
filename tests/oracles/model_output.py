"""Loops, repetition and open ends, by trying."""

import re
from collections import Counter

from pipeline.kernels.looping import LEAST_SENTENCE, SOLO_GRAM, SPACED_GRAM, TAIL
from pipeline.kernels.text import ALPHA, DIGIT, SOLO, classes
from pipeline.kernels.unfinished import CLOSING, ENDS, OPENING


def loop(text: str, repeats: int) -> tuple[int, int]:
    """(characters, period) of the longest end of the text that some stretch fills `repeats` times or more."""
    tail = text.rstrip()[-TAIL:]
    for length in range(len(tail), 1, -1):
        end = tail[-length:]
        for period in range(1, length // repeats + 1):
            if end[period:] == end[:-period]:
                return length, period
    return 0, 0


def kind(character: str) -> int:
    pages, table = classes()
    return int(table[pages[ord(character) >> 8], ord(character) & 255])


def tokens(text: str) -> list[str]:
    found, word = [], ""
    for character in text + "\n":
        if kind(character) & SOLO == 0 and kind(character) & (ALPHA | DIGIT):
            word += character.lower() if character.isascii() else character
            continue
        found += [word] if word else []
        found += [character] if kind(character) & SOLO else []
        word = ""
    return found


def repetition(text: str, repeats: int) -> list[int]:
    found = tokens(text)
    solo = sum(len(one) == 1 and kind(one) & SOLO > 0 for one in found)
    size = SOLO_GRAM if solo > len(found) - solo else SPACED_GRAM
    grams = Counter(tuple(found[at : at + size]) for at in range(len(found) - size + 1))
    sentences = [tuple(tokens(one)) for one in re.split(r"[!?。！？…\n]|\.(?=[\t-\r\x1c-\x1f ]|$)", text)]
    long = Counter(one for one in sentences if sum(map(len, one)) >= LEAST_SENTENCE)
    most = max(long.values(), default=0)
    return [
        *loop(text, repeats),
        solo,
        len(found) - solo,
        grams.total(),
        grams.total() - len(grams),
        long.total(),
        most,
    ]


def unfinished(text: str) -> list[int]:
    outside, fence = without_fences(text)
    thoughts = 0
    for mark in re.findall(r"\\[!-\x7f]|</?think>", outside):
        if mark.endswith("think>"):
            thoughts = max(0, thoughts + (1 if mark == "<think>" else -1))
    last = text.rstrip()[-1:]
    ends = not last or last in ENDS
    return [thoughts, box(outside), fence, formula(outside), brackets(outside), int(not ends)]


def without_fences(text: str) -> tuple[str, int]:
    """(the text outside of code fences, a zero byte where a line had more, 1 where one is open at its end)."""
    kept, fence = [], ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and fence in ("", mark[1][0]):
            fence = "" if fence else mark[1][0]
            kept.append("\0" if fence else "\0" + line[mark.end() :])
        else:
            kept.append(line if not fence else "\0" * bool(line.strip()))
    return "\n".join(kept), int(bool(fence))


def box(text: str) -> int:
    depth = 0
    for mark in re.findall(r"\\boxed\{|\\[!-\x7f]|\{|\}", text):
        if mark == r"\boxed{" or (depth and mark == "{"):
            depth += 1
        elif mark == "}" and depth:
            depth -= 1
    return int(depth > 0)


def formula(text: str) -> int:
    state = ""
    for mark in re.findall(r"\\boxed\{|\\[!-\x7f]|\$\$", text):
        if mark in (r"\[", r"\(", "$$"):
            state = "" if mark == state == "$$" else mark
        elif (state, mark) in ((r"\[", r"\]"), (r"\(", r"\)")):
            state = ""
    return int(bool(state))


def brackets(text: str) -> int:
    """Of the last line that is more than white space."""
    line = next((line for line in reversed(text.split("\n")) if line.strip()), "")
    stack: list[str] = []
    for sign in re.sub(r"\\boxed\{|\\[!-\x7f]", "", line):
        if sign in OPENING:
            stack.append(sign)
        elif sign in CLOSING and (pair := OPENING[CLOSING.index(sign)]) in stack:
            while stack.pop() != pair:
                pass
    return len(stack)
