"""Repeated 13-grams by counting them."""

from collections import Counter


def repeated_grams(text: str) -> tuple[int, int]:
    characters = "".join(text.split())
    grams = Counter(characters[at : at + 13] for at in range(len(characters) - 12))
    return grams.total(), sum(times for times in grams.values() if times > 1)
