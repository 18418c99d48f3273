"""A run asks no network: it ends the same in a namespace without interfaces."""

import subprocess
from pathlib import Path

import pytest

from tests import plain, world
from tests.cli.command import ENVIRONMENT, WINNOW

ALONE = ["unshare", "--map-root-user", "--net"]


def test_a_run_without_any_interface_ends_the_same(tmp_path: Path):
    """Beam's workers talk over loopback, which is down there: the step functions run without Beam."""
    allowed = subprocess.run([*ALONE, "true"], check=False, capture_output=True, text=True)
    if allowed.returncode:
        pytest.skip(f"not run: needs leave to make a network namespace ({allowed.stderr.strip()})")
    folder = world.make(tmp_path, files=1, rows=20)
    plain.run(world.recipe(folder, "undisturbed"))
    code = (
        "import socket, sys; from pathlib import Path; from tests import plain, world\n"
        "assert [name for _, name in socket.if_nameindex()] == ['lo']\n"
        "plain.run(world.recipe(Path(sys.argv[1])))"
    )
    command = [*ALONE, WINNOW[0], "-c", code, str(folder)]
    result = subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert world.digests(folder / "out") == world.digests(folder / "undisturbed")


def test_no_file_of_a_run_holds_pickled_bytes(tmp_path: Path):
    """Pickles of protocol 2 and later begin with these two bytes and end with a full stop."""
    folder = world.make(tmp_path, files=1, rows=20)
    plain.run(world.recipe(folder))
    files = world.listing(folder / "out")
    assert len(files) > 50
    assert {data[:4] for name, data in files.items() if name.endswith(".parquet")} == {b"PAR1"}
    assert [name for name, data in files.items() if data[:1] == b"\x80" and data[-1:] == b"."] == []
