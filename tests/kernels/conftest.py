"""What tests of compiled code need around them."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

# The first call of a kernel compiles it: the clock for one example would measure that.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")


@pytest.fixture(scope="session", autouse=True)
def _wrap_around() -> Iterator[None]:
    """Compiled, unsigned numbers wrap in silence; under NUMBA_DISABLE_JIT=1, for coverage, NumPy would warn."""
    with np.errstate(over="ignore"):
        yield
