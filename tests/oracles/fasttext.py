"""Labels by the fastText package itself."""

from functools import cache
from typing import Any

import fasttext

from pipeline.measures import language


@cache
def model() -> Any:
    files = language.metadata.files(language.PACKAGE) or []
    return fasttext.load_model(str(next(file.locate() for file in files if file.name == language.FILE)))


def best_two(text: str) -> list[tuple[str, float]]:
    """(label, probability) of the two likeliest; fastText reads a line."""
    labels, scores = model().predict(text.replace("\n", " "), k=2)
    return [
        (label.removeprefix("__label__"), min(1.0, score))
        for label, score in zip(labels, scores, strict=True)
    ]


def samples(text: str, max_bytes: int) -> str:
    """Beginning, middle and end, a third of the bytes each, characters that are not whole left out."""
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    size = max_bytes // 3
    middle = (len(data) - size) // 2
    pieces = (data[:size], data[middle : middle + size], data[len(data) - size :])
    return " ".join(piece.decode(errors="ignore") for piece in pieces)
