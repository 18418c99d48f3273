"""What every test may use: the shared real data, when it is there; and the summary of what did not run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests import buckets

pytest_plugins = ["tests.summary"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

# No clock decides: the first call of a kernel compiles it, and a machine may be slow.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; without it the test is named as not run."""
    if not SHARED.is_dir():
        pytest.skip("not run: needs ../shared/data, the real corpora beside the project")
    return SHARED


@pytest.fixture(scope="session", params=["gs", pytest.param("s3", marks=pytest.mark.real("S3"))])
def bucket(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[buckets.Bucket]:
    """An object store, and an environment that leads to it: a double of Google's, and a real one that speaks S3."""
    server = buckets.gs() if request.param == "gs" else buckets.s3(tmp_path_factory.mktemp("s3") / "root")
    with server as started, pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        yield started


@pytest.fixture(scope="session", autouse=True)
def _wrap_around() -> Iterator[None]:
    """Compiled, unsigned numbers wrap in silence; under NUMBA_DISABLE_JIT=1, for coverage, NumPy would warn."""
    with np.errstate(over="ignore"):
        yield
