"""The farm on a real API server, controller manager and scheduler, with four nodes of eight GPUs that KWOK plays.

A minute of the day lasts five seconds; a worker yields in four.
"""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from kubernetes import client
from kubernetes.client.rest import ApiException

from synth import schedule
from synth.cluster import GPU, Cluster, Place, Workload
from synth.decide import Limits
from synth.forecast import WEEK
from synth.prometheus import Prometheus
from synth.schedule import Plan
from tests.kubernetes import manifests
from tests.kubernetes.plane import ControlPlane, wait
from tests.synth import weeks

pytestmark = pytest.mark.real("Kubernetes")

SPEED = 12
YIELD = 4  # seconds
LIMITS = Limits(
    requests_per_gpu=10,
    reserve_gpus=2,
    startup_seconds=12,
    drain_seconds=YIELD * SPEED,
    yield_seconds=YIELD * SPEED,
    settle_minutes=1,
)
PLACE = Place(Workload("synth", "synth-workers"), (Workload("serving", "chat"),), lease_seconds=60)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    made = ControlPlane(tmp_path_factory.mktemp("plane"))
    try:
        yield furnished(made.up())
    finally:
        made.down()


def furnished(plane: ControlPlane) -> ControlPlane:
    """Nodes, serving's Deployment, and the base as it is shipped but for what this machine lacks: volumes and seconds."""
    core = client.CoreV1Api()
    for at in range(4):
        labels = {"nvidia.com/gpu.present": "true", "kubernetes.io/hostname": f"gpu-{at}"}
        core.create_node(
            {
                "metadata": {
                    "name": f"gpu-{at}",
                    "labels": labels,
                    "annotations": {"kwok.x-k8s.io/node": "fake"},
                }
            }
        )
        has = {"cpu": "96", "memory": "1Ti", "pods": "110", GPU: "8"}
        core.patch_node_status(f"gpu-{at}", {"status": {"allocatable": has, "capacity": has}})
    core.create_namespace({"metadata": {"name": "serving"}})
    objects = list(yaml.safe_load_all(plane.kubectl("kustomize", str(manifests.BASE)).stdout))
    for one in objects:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            pod["volumes"] = [
                {"name": volume["name"], "emptyDir": {}} if "persistentVolumeClaim" in volume else volume
                for volume in pod["volumes"]
            ]
            if one["metadata"]["name"] == "synth-workers":
                pod["terminationGracePeriodSeconds"] = YIELD
            else:
                one["spec"]["replicas"] = 0
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
    pod = {
        "priorityClassName": "synth-serving",
        "containers": [{"name": "chat", "image": "none", "resources": {"limits": {GPU: "1"}}}],
    }
    template = {
        "metadata": {"labels": {"app": "chat"}, "annotations": {"farm.test/drain": "1s"}},
        "spec": pod,
    }
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "chat"}}, "template": template}
    client.AppsV1Api().create_namespaced_deployment("serving", {"metadata": {"name": "chat"}, "spec": spec})
    return plane


@pytest.fixture(scope="module")
def rights(plane: ControlPlane) -> Path:
    """The scheduler's own: its service account's token."""
    asked = client.CoreV1Api().create_namespaced_service_account_token(
        "synth-scheduler", "synth", {"spec": {"expirationSeconds": 3600}}
    )
    return plane.kubeconfig("synth-scheduler", asked.status.token)


@pytest.fixture
def empty(plane: ControlPlane) -> Iterator[None]:
    """No pods before, none after."""
    yield
    for namespace, name in (("synth", "synth-workers"), ("serving", "chat")):
        set_scale(namespace, name, 0)
    wait("pods to leave", lambda: not pods("synth") and not pods("serving"))


def set_scale(namespace: str, name: str, replicas: int) -> None:
    client.AppsV1Api().patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": replicas}})


def pods(namespace: str) -> list[Any]:
    return client.CoreV1Api().list_namespaced_pod(namespace).items


def running(namespace: str) -> int:
    return sum(
        pod.status.phase == "Running" and not pod.metadata.deletion_timestamp for pod in pods(namespace)
    )


class Clock:
    """Twelve times as fast; `dies`: never comes back, as from kill -9."""

    def __init__(self, start: float) -> None:
        self.begin, self.start, self.over, self.dies = time.monotonic(), start, threading.Event(), False

    def monotonic(self) -> float:
        return SPEED * (time.monotonic() - self.begin)

    def now(self) -> float:
        return self.start + self.monotonic()

    def minute(self) -> int:
        return int(self.monotonic() // 60)

    def wait(self, seconds: float) -> bool:
        over = self.over.wait(seconds / SPEED)
        if self.dies:
            threading.Event().wait()
        return over


class Day(Prometheus):
    """Two weeks of a working day's load, then what `loads` says minute by minute."""

    loads: np.ndarray
    clock: Clock

    def now(self, query: str) -> float:
        return 1e6 if query == self.backlog else float("nan")

    def past(self, _query: str, _end: float, minutes: int) -> np.ndarray:
        lived = Day.loads[: Day.clock.minute() + 1]
        return np.concatenate([np.resize(weeks.office() / 4, 2 * WEEK), lived])[-minutes:]


class Replica(threading.Thread):
    """One scheduler with its own clock; `said` is its log."""

    def __init__(self, rights: Path, name: str, clock: Clock) -> None:
        super().__init__(daemon=True, name=name)
        self.clock, self.said = clock, []
        self.plan, self.cluster = Plan(LIMITS, Day("http://prometheus"), PLACE), Cluster(PLACE, str(rights))

    def run(self) -> None:
        schedule.run(
            lambda: self.plan,
            self.cluster,
            self.name,
            self.clock,
            lambda line: self.said.append(json.loads(line)),
        )

    def acts(self) -> bool:
        return any("decision" in line for line in self.said)


def begin(loads: np.ndarray) -> Clock:
    """A Monday's midnight, from where the day goes on as `loads` says."""
    Day.loads, Day.clock = loads, Clock(1_767_571_200)
    return Day.clock


@pytest.mark.usefixtures("empty")
def test_serving_never_waits_longer_than_the_yield(rights: Path):
    """Its Deployment follows a day's load: eight GPUs, up to 27, down, and 29 at once. What was preempted comes back."""
    gpus = np.concatenate(
        [
            np.full(5, 8),
            np.linspace(8, 27, 6),
            np.linspace(27, 8, 5),
            np.full(4, 8),
            np.full(3, 29),
            np.full(8, 8),
        ]
    )
    clock = begin(gpus * 10 / (1 + LIMITS.headroom))
    ours = Replica(rights, "a", clock)
    ours.start()
    waiting: dict[str, float] = {}
    longest, most, preempted = 0.0, 0, set()
    while (minute := clock.minute()) < len(gpus):
        set_scale("serving", "chat", int(np.ceil(gpus[minute])))
        now, farm = time.monotonic(), pods("synth")
        preempted |= {
            pod.metadata.name
            for pod in farm
            for one in pod.status.conditions or []
            if one.type == "DisruptionTarget"
        }
        pending = {pod.metadata.name for pod in pods("serving") if pod.status.phase == "Pending"}
        waiting = {name: waiting.get(name, now) for name in pending} if farm else {}
        longest = max([longest, *(now - since for since in waiting.values())])
        most = max(most, running("synth"))
        time.sleep(0.3)
    assert longest <= YIELD + 5
    assert most >= 20
    wait("workers to come back", lambda: running("synth") >= 20)
    assert running("serving") == 8
    assert preempted  # the jump to 29 leaves no time to shed
    clock.over.set()
    ours.join(30)


@pytest.mark.usefixtures("empty")
def test_the_api_server_is_killed_and_comes_back(plane: ControlPlane, rights: Path):
    clock = begin(np.full(200, 64.0))
    ours = Replica(rights, "a", clock)
    ours.start()
    set_scale("serving", "chat", 8)
    wait("workers", lambda: running("synth") >= 20)
    plane.kill("kube-apiserver")
    lines = len(ours.said)
    wait(
        "a missed look",
        lambda: any("missed" in line or line.get("leading") is False for line in ours.said[lines:]),
    )
    plane.start("kube-apiserver")
    Day.loads = np.concatenate([Day.loads[: clock.minute()], np.full(200, 160.0)])
    set_scale("serving", "chat", 20)
    wait("serving's pods", lambda: running("serving") == 20)
    wait("fewer workers", lambda: running("synth") <= 10)
    clock.over.set()
    ours.join(30)


@pytest.mark.usefixtures("empty")
def test_of_two_schedulers_one_acts_and_the_other_follows_it(rights: Path):
    first = Replica(rights, "a", begin(np.full(200, 64.0)))
    first.start()
    wait("the first to act", first.acts)
    second = Replica(rights, "b", Clock(Day.clock.start))
    second.start()
    time.sleep(8)
    assert not second.acts()
    first.clock.dies = True
    since = time.monotonic()
    wait("the second to act", second.acts)
    assert time.monotonic() - since < 2 * PLACE.lease_seconds / SPEED + 10
    lease = client.CoordinationV1Api().read_namespaced_lease("synth-scheduler", "synth")
    assert lease.spec.holder_identity == "b"
    assert float(lease.metadata.annotations["winnow.synth/grown"]) > 0
    second.clock.over.set()
    second.join(30)


def test_the_schedulers_token_may_do_nothing_else(rights: Path):
    from kubernetes import config

    own = config.new_client_from_config(str(rights))
    core, apps, rbac = client.CoreV1Api(own), client.AppsV1Api(own), client.RbacAuthorizationV1Api(own)
    one = {"spec": {"replicas": 1}}
    refused = {
        "scale serving": lambda: apps.patch_namespaced_deployment_scale("chat", "serving", one),
        "scale itself": lambda: apps.patch_namespaced_deployment_scale("synth-scheduler", "synth", one),
        "change the workers": lambda: apps.patch_namespaced_deployment("synth-workers", "synth", one),
        "read the workers": lambda: apps.read_namespaced_deployment("synth-workers", "synth"),
        "list pods": lambda: core.list_namespaced_pod("synth"),
        "delete a pod": lambda: core.delete_namespaced_pod("x", "serving"),
        "evict a pod": lambda: core.create_namespaced_pod_eviction(
            "x", "serving", {"metadata": {"name": "x"}}
        ),
        "read secrets": lambda: core.list_namespaced_secret("synth"),
        "read one secret": lambda: core.read_namespaced_secret("synth-broker", "synth"),
        "change a node": lambda: core.patch_node("gpu-0", {"spec": {"unschedulable": True}}),
        "another lease": lambda: client.CoordinationV1Api(own).read_namespaced_lease("other", "synth"),
        "grant rights": lambda: rbac.create_namespaced_role(
            "synth", {"metadata": {"name": "x"}, "rules": []}
        ),
        "run in a pod": lambda: core.connect_get_namespaced_pod_exec("x", "synth", command=["id"]),
    }
    for what, call in refused.items():
        with pytest.raises(ApiException) as error:
            call()
        assert error.value.status == 403, what
    assert len(core.list_node().items) == 4
    assert not apps.read_namespaced_deployment_scale("chat", "serving").spec.replicas


def test_the_quota_holds_whatever_is_asked(plane: ControlPlane):
    used = client.CoreV1Api().read_namespaced_resource_quota("synth-batch", "synth").status.hard
    assert used["requests.nvidia.com/gpu"] == "128"


@pytest.mark.parametrize("folder", [manifests.BASE, *manifests.OVERLAYS], ids=lambda folder: folder.name)
def test_the_api_server_takes_every_manifest(plane: ControlPlane, folder: Path):
    """Strictly, and nothing is stored; Kueue's and KEDA's objects against their real definitions."""
    definitions = plane.cache / "crds"
    if folder.name in {"kueue", "keda"}:
        plane.kubectl("apply", "--server-side", "-f", str(definitions))
        plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(definitions))
    rendered = plane.kubectl("kustomize", str(folder)).stdout
    done = plane.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        stdin=rendered,
    )
    assert "violate PodSecurity" not in done.stderr
    assert len(done.stdout.splitlines()) == len(list(yaml.safe_load_all(rendered)))


def test_a_pod_that_asks_for_more_is_refused(plane: ControlPlane):
    """The namespace's restricted standard is enforced, not only written."""
    bare = {
        "metadata": {"name": "root"},
        "spec": {"serviceAccountName": "synth-worker", "containers": [{"name": "x", "image": "none"}]},
    }
    with pytest.raises(ApiException) as error:
        client.CoreV1Api().create_namespaced_pod("synth", bare)
    assert "violates PodSecurity" in str(error.value.body)
