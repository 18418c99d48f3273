"""Letters, tokens and grams with the methods of str and `unicodedata`, one character after the other."""

import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

from tests.oracles.lines import is_solo

GRAM, ANCHOR = 36, 12


class Token(NamedTuple):
    first: int  # index of its first letter
    byte: int
    firm: bool


def is_part(character: str) -> bool:
    """Marks and signs that are not seen."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


@cache
def spell(character: str) -> str:
    decomposed = "".join(one for one in unicodedata.normalize("NFKD", character) if not is_part(one))
    folded = unicodedata.normalize("NFKD", decomposed.casefold())
    return "".join(one for one in folded if one.isalnum() and not is_part(one))[: len(character.encode())]


def weight(letters: str) -> int:
    return sum(map(load, letters))


@cache
def load(letter: str) -> int:
    return 3 if is_solo(letter) else 2 if letter.isdigit() else 1


@lru_cache(maxsize=64)
def letters(text: str) -> tuple[str, list[Token]]:
    """The letters of a text and the tokens that begin in them."""
    found, tokens, byte, gap = "", list[Token](), 0, " "  # gap: what lies before the next letter
    for character in text:
        for one in spell(character):
            if gap or load(one) == 3:
                tokens.append(Token(len(found), byte, load(one) == 3 or gap == " "))
            gap = " " if load(one) == 3 else ""
            found += one
        if not spell(character) and not is_part(character):
            gap = " " if character.isspace() or gap == " " else "-"
        byte += len(character.encode())
    return found, tokens


@lru_cache(maxsize=4096)
def run_of(found: str, first: int, least: int) -> str:
    """The shortest run of letters from one on that weighs so much; empty where the text ends before."""
    gathered = 0
    for end in range(first, len(found)):
        gathered += load(found[end])
        if gathered >= least:
            return found[first : end + 1]
    return ""
