"""One tokenizer for all tests of what is shipped."""

import pytest

from pipeline.ship.tokenize import Tokenizer, load
from tests.ship.made import END, train


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Tokenizer:
    return load(train(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"), END)
