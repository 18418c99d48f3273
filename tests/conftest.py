"""What every test may use: the shared real data, when it is there; and the summary of what did not run."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.summary"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; without it the test is named as not run."""
    if not SHARED.is_dir():
        pytest.skip("not run: needs ../shared/data, the real corpora beside the project")
    return SHARED
