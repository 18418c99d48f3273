"""The main recipe on a real Flink cluster, through both of Beam's interfaces and both ways of the exchange: equal bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engines import cluster
from pipeline.engines.cluster import Cluster
from pipeline.run.driver import Settings, run
from tests import world
from tests.cli.command import winnow

pytestmark = pytest.mark.engine("Flink")


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = str(tmp_path_factory.mktemp("flink"))
    yield cluster.up(folder)
    cluster.down(folder)


def test_through_the_job_server_and_the_engines_own_shuffle(
    flink: Cluster, folder: Path, undisturbed: dict[str, Any], tmp_path: Path
):
    settings = Settings(piece_bytes=1 << 16, exchange="engine", beam=tuple(flink.options["PortableRunner"]))
    run(world.recipe(folder, path=str(tmp_path / "out")), settings)
    assert world.digests(tmp_path / "out") == undisturbed


def test_by_command_with_a_job_server_that_beam_starts(
    flink: Cluster, folder: Path, undisturbed: dict[str, Any]
):
    """The recipe's paths are relative; a TaskManager's folder is another."""
    result = winnow("run", "recipe.yaml", "--", *flink.options["FlinkRunner"], cwd=folder, timeout=600)
    assert result.returncode == 0, result.stderr
    assert world.digests(folder / "out") == undisturbed


def test_a_second_cluster_in_the_same_folder_is_refused(flink: Cluster):
    with pytest.raises(
        cluster.ClusterError, match="a cluster is running here; end it by `winnow flink down`"
    ):
        cluster.up(flink.folder)
