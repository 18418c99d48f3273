"""Tokens, shingles, signatures and similarity in plain Python, one character at a time."""

import unicodedata
from collections.abc import Iterator

from pipeline.kernels.text import HAN_RANGES, UNSPACED_RANGES
from tests.oracles.hashing import MASK, finish, stir, turn

UNSPACED = (*HAN_RANGES, *UNSPACED_RANGES)


def tokens(text: str) -> Iterator[str]:
    """Words and single characters of unspaced scripts, folded."""
    word = ""
    for character in unicodedata.normalize("NFKC", text):
        code = ord(character)
        if unicodedata.category(character) == "Cf" or 0xFE00 <= code < 0xFE10 or 0xE0000 <= code < 0xE1000:
            continue
        lower = character.lower()[0]
        counts = unicodedata.category(lower)[0] in "LNM"
        alone = counts and any(low <= ord(lower) <= high for low, high in UNSPACED)
        if counts and not alone:
            word += lower
        elif word:
            yield word
            word = ""
        if alone:
            yield lower
    if word:
        yield word


def token_hash(token: str) -> int:
    state = 0
    for character in token:
        state = stir(state, ord(character))
    return finish(state)


def shingles(text: str) -> list[int]:
    """The hash of each five tokens in a row; of all tokens where there are fewer."""
    hashes = [token_hash(token) for token in tokens(text)]
    if 0 < len(hashes) < 5:
        return [finish(cyclic(hashes) + len(hashes) & MASK)]
    return [finish(cyclic(hashes[at : at + 5])) for at in range(len(hashes) - 4)]


def cyclic(hashes: list[int]) -> int:
    state = 0
    for one in hashes:
        state = turn(state, 1) ^ one
    return state


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the shingle sets; of words themselves, without any hash."""
    first, second = (shingle_words(text) for text in (one, other))
    return len(first & second) / len(first | second)


def shingle_words(text: str) -> set[tuple[str, ...]]:
    words = tuple(tokens(text))
    return {words[at : at + 5] for at in range(max(1, len(words) - 4))} if words else set()
