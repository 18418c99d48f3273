"""What a cluster is made of, without starting one."""

import zipfile
from pathlib import Path

import psutil
import pytest

from pipeline.engines import cluster
from pipeline.engines.cluster import Process


def test_the_job_servers_jar_is_a_manifest_that_names_the_others(tmp_path: Path):
    (tmp_path / "lib").mkdir()
    for number in range(40):
        (tmp_path / f"lib/library-with-a-long-name-{number}.jar").touch()
    cluster.job_server_jar(str(tmp_path))
    with zipfile.ZipFile(tmp_path / "job-server.jar") as jar:
        text = jar.read("META-INF/MANIFEST.MF")
    lines = text.split(b"\r\n")
    assert max(map(len, lines)) <= 72
    whole = b"".join(line[1:] if line.startswith(b" ") else b"\n" + line for line in lines).decode()
    named = next(line for line in whole.split("\n") if line.startswith("Class-Path: ")).removeprefix(
        "Class-Path: "
    )
    assert named.split(" ")[:2] == ["nostage.jar", "lib/library-with-a-long-name-0.jar"]
    assert len(named.split(" ")) == 41


def test_a_process_of_another_start_is_not_ours():
    me = psutil.Process()
    assert Process("me", me.pid, me.create_time()).alive()
    assert not Process("me", me.pid, me.create_time() - 1).alive()


def test_a_cluster_that_was_never_started_is_said(tmp_path: Path):
    with pytest.raises(cluster.ClusterError, match="no cluster was started here"):
        cluster.down(str(tmp_path))


def test_the_configuration_is_whole(tmp_path: Path):
    (tmp_path / "conf").mkdir()
    cluster.configure(str(tmp_path), rest=1, rpc=2, blob=3, slot_timeout=4)
    text = (tmp_path / "conf/flink-conf.yaml").read_text()
    assert "{" not in text
    assert "rest.port: 1\n" in text
