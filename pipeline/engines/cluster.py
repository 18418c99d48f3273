"""A small Flink session cluster with Beam's job server on this machine: fetched, started, looked at, ended.

JobManager, TaskManagers of one slot each, and job server are processes of their own, in sessions of their own, on loopback.
Jars come from the Maven registry through `mvn`, once, to a cache folder; pids, logs and configuration lie in a folder of the run.
Beam 2.62 is the newest job server that Maven serves; it runs pipelines of the Python SDK in use here (2.77, tested).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources

import psutil

from pipeline import __version__

START_SECONDS = 180  # 7 on a quiet machine
CACHE_SECONDS = (
    10  # a worker without work lives on for the next stage: without, each starts its own, 2 × the time
)
PACKAGES = [
    "java.lang",
    "java.net",
    "java.io",
    "java.nio",
    "sun.nio.ch",
    "java.lang.reflect",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
]
JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
STATE = "cluster.json"
STARTED: list[
    subprocess.Popen[bytes]
] = []  # by this process: they are its children until it ends, and are to be reaped


class ClusterError(RuntimeError):
    """The cluster cannot be fetched, started or found: the message says why, and the cure."""


@dataclass(frozen=True)
class Process:
    """One process that we started. `created`: its time of start, which tells it from a later one of the same pid."""

    name: str
    pid: int
    created: float

    def alive(self) -> bool:
        try:
            found = psutil.Process(self.pid)
            return found.create_time() == self.created and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `folder`: its logs and state; `jar`: of the job server, for `--runner=FlinkRunner`."""

    folder: str
    jar: str
    rest: int
    jobs: int
    processes: tuple[Process, ...]

    @property
    def options(self) -> dict[str, list[str]]:
        """By interface: what goes behind `--` of `winnow run`."""
        worker = json.dumps({"command": os.path.join(self.folder, "worker")})
        common = [
            f"--parallelism={sum(one.name.startswith('taskmanager') for one in self.processes)}",
            "--environment_type=PROCESS",
            f"--environment_config={worker}",
            "--execution_mode_for_batch=BATCH_FORCED",
            f"--environment_cache_millis={CACHE_SECONDS * 1000}",
        ]
        runner = ["--runner=FlinkRunner", f"--flink_master=127.0.0.1:{self.rest}", "--flink_version=1.19"]
        portable = ["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{self.jobs}"]
        return {
            "FlinkRunner": [*runner, f"--flink_job_server_jar={self.jar}", *common],
            "PortableRunner": [*portable, *common],
        }


# Fetching


def cache_folder() -> str:
    """Where jars are kept: below ${XDG_CACHE_HOME:-~/.cache}/winnow/VERSION."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "winnow", __version__, "flink")


def fetch(folder: str) -> str:
    """The folder with lib/*.jar, nostage.jar and job-server.jar; what is there is not fetched again."""
    if os.path.exists(os.path.join(folder, "job-server.jar")):
        return folder
    for program, cure in (
        ("java", "default-jdk-headless"),
        ("mvn", "maven"),
        ("javac", "default-jdk-headless"),
    ):
        if shutil.which(program) is None:
            raise ClusterError(f"needs {program}; install it, on Debian by apt-get install {cure}")
    partial = f"{folder}.part-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    with resources.as_file(resources.files("pipeline.engines") / "flink") as ours:
        shutil.copy(ours / "pom.xml", partial)
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
        called(["mvn", "-q", "-B", *copy], partial)
        source = str(ours / "ClasspathScanningResourcesDetector.java")
        called(["javac", "--release", "11", "-cp", "lib/*", "-d", "classes", source], partial)
    zipped(os.path.join(partial, "classes"), os.path.join(partial, "nostage.jar"))
    job_server_jar(partial)
    os.rename(partial, folder) if not os.path.exists(folder) else shutil.rmtree(partial)
    return folder


def called(command: Sequence[str], folder: str) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ClusterError(f"{command[0]} failed:\n{(result.stdout + result.stderr)[-2000:]}")


def zipped(folder: str, jar: str) -> None:
    with zipfile.ZipFile(jar, "w") as archive:
        for at, _, files in os.walk(folder):
            for file in files:
                place = os.path.join(at, file)
                archive.write(place, os.path.relpath(place, folder))


def job_server_jar(folder: str) -> None:
    """A jar of nothing but a manifest, which names the others; `--flink_job_server_jar` wants one file."""
    jars = ["nostage.jar", *(f"lib/{name}" for name in sorted(os.listdir(os.path.join(folder, "lib"))))]
    fields = {
        "Manifest-Version": "1.0",
        "Main-Class": JOB_SERVER,
        "Add-Opens": " ".join(f"java.base/{name}" for name in PACKAGES),
        "Class-Path": " ".join(jars),
    }
    manifest = b"".join(attribute(name, value) for name, value in fields.items()) + b"\r\n"
    with zipfile.ZipFile(os.path.join(folder, "job-server.jar"), "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)


def attribute(name: str, value: str) -> bytes:
    """One attribute in lines of at most 72 bytes, as the format asks; each further one begins with a space."""
    line = f"{name}: {value}".encode()
    rest = (line[start : start + 69] for start in range(70, len(line), 69))
    return b"\r\n ".join([line[:70], *rest]) + b"\r\n"


# Starting and ending


def up(folder: str, taskmanagers: int = 2, rest: int = 0, slot_timeout: int = 60_000) -> Cluster:
    """Start a cluster whose state lies in `folder`; `rest`: the port of its page, 0 for a free one."""
    if (standing := state(folder)) and any(one.alive() for one in standing.processes):
        raise ClusterError(f"{folder}: a cluster is running here; end it by `winnow flink down`")
    jars = fetch(cache_folder())
    for name in ("conf", "log", "tmp"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    rpc, blob, free, jobs, artifacts, expansion = free_ports(6)
    rest = rest or free
    configure(folder, rest=rest, rpc=rpc, blob=blob, slot_timeout=slot_timeout)
    boot(folder)
    conf = os.path.join(folder, "conf")
    lib = os.path.join(jars, "lib", "*")
    server = [
        *("--job-host", "127.0.0.1", "--job-port", str(jobs), "--artifact-port", str(artifacts)),
        *(
            "--expansion-port",
            str(expansion),
            "--flink-master",
            f"127.0.0.1:{rest}",
            "--flink-conf-dir",
            conf,
        ),
        *("--artifacts-dir", os.path.join(folder, "tmp", "artifacts")),
    ]
    manager = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    processes = [
        java(folder, "jobmanager", lib, manager, ["--configDir", conf]),
        *(taskmanager(folder, number) for number in range(taskmanagers)),
        java(folder, "jobserver", f"{os.path.join(jars, 'nostage.jar')}:{lib}", JOB_SERVER, server),
    ]
    cluster = Cluster(folder, os.path.join(jars, "job-server.jar"), rest, jobs, tuple(processes))
    save(cluster)
    try:
        await_ready(cluster, taskmanagers)
    except ClusterError:
        down(folder)
        raise
    return cluster


def taskmanager(folder: str, number: int) -> Process:
    """One more TaskManager of a cluster; it finds the JobManager by the configuration."""
    rpc, data = free_ports(2)
    arguments = [
        *("--configDir", os.path.join(folder, "conf"), f"-Dtaskmanager.resource-id=taskmanager{number}"),
        *(f"-Dtaskmanager.rpc.port={rpc}", f"-Dtaskmanager.data.port={data}"),
    ]
    options = [
        "-Xms512m",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:MaxDirectMemorySize=512m",
        "-XX:MaxMetaspaceSize=192m",
    ]
    main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    lib = os.path.join(cache_folder(), "lib", "*")
    return java(folder, f"taskmanager{number}", lib, main, arguments, options)


def configure(folder: str, **values: int) -> None:
    template = (resources.files("pipeline.engines") / "flink/conf.yaml").read_text("utf-8")
    with open(os.path.join(folder, "conf", "flink-conf.yaml"), "w", encoding="utf-8") as file:
        file.write(
            template.format(
                temporary=os.path.join(folder, "tmp"), restart_seconds=CACHE_SECONDS + 2, **values
            )
        )


def boot(folder: str) -> None:
    """The program that a TaskManager starts for each Python worker: this very interpreter."""
    path = os.path.join(folder, "worker")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline.engines.worker "$@"\n')
    os.chmod(path, 0o700)


def java(
    folder: str, name: str, jars: str, main: str, arguments: Sequence[str], options: Sequence[str] = ()
) -> Process:
    """Start one JVM in a session of its own."""
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in PACKAGES]
    logging = [
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.log.org.apache.pekko=warn",
    ]
    command = [
        "java",
        *opens,
        *logging,
        "-XX:+UseSerialGC",
        "-Xmx512m",
        *options,
        "-cp",
        jars,
        main,
        *arguments,
    ]
    with open(os.path.join(folder, "log", f"{name}.log"), "ab") as log:
        started = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    STARTED.append(started)
    return Process(name, started.pid, psutil.Process(started.pid).create_time())


def await_ready(cluster: Cluster, taskmanagers: int) -> None:
    """Until all TaskManagers are registered and the job server listens."""
    deadline = time.monotonic() + START_SECONDS
    while registered(cluster.rest) < taskmanagers or not listens(cluster.jobs):
        for one in cluster.processes:
            if not one.alive():
                raise ClusterError(
                    f"{one.name} ended; see {os.path.join(cluster.folder, 'log', one.name)}.log"
                )
        if time.monotonic() > deadline:
            raise ClusterError(
                f"not ready after {START_SECONDS} s; see {os.path.join(cluster.folder, 'log')}"
            )
        time.sleep(0.2)


def registered(rest: int) -> int:
    """How many TaskManagers the JobManager knows; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{rest}/overview", timeout=5) as answer:
            return int(json.load(answer)["taskmanagers"])
    except (OSError, ValueError, KeyError):
        return 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def down(folder: str) -> list[str]:
    """End what `up` started, workers included; the names of the processes that were still there."""
    standing = state(folder)
    if standing is None:
        raise ClusterError(f"{folder}: no cluster was started here")
    alive = [one for one in standing.processes if one.alive()]
    everyone = [found for one in alive for found in family(one.pid)]
    for one in everyone:
        kill(one)
    psutil.wait_procs(everyone, timeout=20)
    STARTED[:] = [one for one in STARTED if one.poll() is None]
    os.unlink(os.path.join(folder, STATE))
    return [one.name for one in alive]


def family(pid: int) -> Iterator[psutil.Process]:
    """A process and all below it."""
    try:
        root = psutil.Process(pid)
        yield from (root, *root.children(recursive=True))
    except psutil.NoSuchProcess:
        return


def kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


# State


def save(cluster: Cluster) -> None:
    with open(os.path.join(cluster.folder, STATE), "w", encoding="utf-8") as file:
        json.dump(asdict(cluster), file, indent=1)


def state(folder: str) -> Cluster | None:
    """The cluster that was started in a folder, whether it still runs or not."""
    path = os.path.join(folder, STATE)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        fields: Mapping[str, object] = json.load(file)
    processes = tuple(Process(**one) for one in fields["processes"])  # type: ignore[attr-defined]
    return Cluster(**{**fields, "processes": processes})  # type: ignore[arg-type]
