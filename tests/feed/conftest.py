"""A folder of shards for all tests of the feed."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.ship.tokenize import Tokenizer, load
from tests.ship.made import END, folder, rows, train

LENGTH = 32
Documents = list[tuple[int, int, list[int]]]


def pool(start: int, count: int) -> Documents:
    """Two copies each of so many documents, whose tokens tell them apart; some are longer than a pack."""
    return [
        (number, copy, [2 + (number * 7 + place) % 1400 for place in range(1 + number % 40)])
        for number in range(start, start + count)
        for copy in (0, 1)
    ]


POOLS = [pool(100 * number, count) for number, count in enumerate((45, 1, 30, 12, 60, 7, 20))]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Tokenizer:
    return load(train(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"), END)


@pytest.fixture(scope="session")
def fed(tmp_path_factory, encoder: Tokenizer) -> str:
    """Seven shards of 1 to some 80 packs."""
    path: Path = tmp_path_factory.mktemp("fed")
    with np.errstate(over="ignore"):
        folder(path, encoder, map(rows, POOLS), LENGTH)
    return str(path)
