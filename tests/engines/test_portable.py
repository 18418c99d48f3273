"""The main recipe on Prism and on Beam's portable job service, both ways of the exchange: equal bytes.

Both use one core; they are here because each reads the graph in its own way.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.engines.cluster import free_ports, listens
from pipeline.run.driver import Settings, run
from tests import world
from tests.buckets import go_program
from tests.cli.command import ENVIRONMENT, winnow

PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"
WAYS = pytest.mark.parametrize("exchange", ["files", "engine"])


@pytest.mark.real("Prism")
@WAYS
def test_prism_by_command(folder: Path, undisturbed: dict[str, Any], tmp_path: Path, exchange: str):
    text = (folder / "recipe.yaml").read_text().replace("path: out", f"path: {tmp_path / 'out'}")
    (folder / "prism.yaml").write_text(text)
    options = ["--runner=PrismRunner", f"--prism_location={go_program(PRISM)}", "--environment_type=LOOPBACK"]
    result = winnow("run", "prism.yaml", "--exchange", exchange, "--", *options, cwd=folder, timeout=600)
    assert result.returncode == 0, result.stderr
    assert world.digests(tmp_path / "out") == undisturbed


@pytest.mark.real("portable job service")
@pytest.mark.parametrize("workers", ["LOOPBACK", "EXTERNAL"])
@WAYS
def test_the_portable_job_service(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, exchange: str, workers: str
):
    with (
        served("apache_beam.runners.portability.local_job_service_main", "-p") as jobs,
        served("apache_beam.runners.worker.worker_pool_main", "--service_port") as pool,
    ):
        beam = [
            "--runner=PortableRunner",
            f"--job_endpoint=127.0.0.1:{jobs}",
            f"--environment_type={workers}",
        ]
        beam += [f"--environment_config=127.0.0.1:{pool}"] if workers == "EXTERNAL" else []
        settings = Settings(piece_bytes=1 << 16, exchange=exchange, beam=tuple(beam))
        run(world.recipe(folder, path=str(tmp_path / "out")), settings)
    assert world.digests(tmp_path / "out") == undisturbed


@contextmanager
def served(module: str, option: str) -> Iterator[int]:
    """The port of a program of Beam's, while it runs. Its pool starts the bare word `python`."""
    (port,) = free_ports(1)
    path = os.pathsep.join([os.path.dirname(sys.executable), ENVIRONMENT["PATH"]])
    command = [sys.executable, "-m", module, option, str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**ENVIRONMENT, "PATH": path}, stdout=quiet, stderr=quiet) as process:
        try:
            deadline = time.monotonic() + 120
            while not listens(port):
                assert process.poll() is None, f"{module} ended"
                assert time.monotonic() < deadline, f"{module} does not listen"
                time.sleep(0.2)
            yield port
        finally:
            process.terminate()
