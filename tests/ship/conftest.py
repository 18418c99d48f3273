"""One tokenizer for all tests of what is shipped."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

from pipeline.ship.tokenize import Tokenizer, load
from tests.ship.made import END, train

# The first call of a kernel compiles it: the clock for one example would measure that.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Tokenizer:
    return load(train(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"), END)


@pytest.fixture(scope="session", autouse=True)
def _wrap_around() -> Iterator[None]:
    """As in tests/kernels: under NUMBA_DISABLE_JIT=1, for coverage, NumPy would warn of hashes that wrap."""
    with np.errstate(over="ignore"):
        yield
