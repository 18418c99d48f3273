"""The farm's Kubernetes, through the official client: GPUs and serving's pods counted, one Deployment scaled, one Lease held.

What it may do is what it needs: list nodes, read the scale of serving's Deployments, read and patch the scale of the workers'
Deployment, and keep one Lease (k8s/base/scheduler.yaml grants nothing else). A lost or failed API server raises
`ClusterError`; the loop above says so and looks again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import TypeAdapter

GPU = "nvidia.com/gpu"
TIMEOUT = (3, 10)  # seconds to connect, to answer: below a lease's time


class ClusterError(RuntimeError):
    """The API server is away, or refused."""


@dataclass(frozen=True)
class Workload:
    """A Deployment whose pods hold GPUs."""

    namespace: str
    name: str
    gpus: int = 1  # a pod


@dataclass(frozen=True)
class Place:
    """Where the farm is in the cluster."""

    workers: Workload
    serving: tuple[Workload, ...]
    nodes: str = GPU + ".present=true"  # label selector of the nodes that serving and the farm share
    lease: str = "synth-scheduler"
    lease_seconds: int = 15

    def __post_init__(self) -> None:
        if not self.serving:
            raise ValueError("serving: name the Deployments that the farm yields to")


@dataclass(frozen=True)
class Look:
    """GPUs alive, GPUs that serving's Deployments ask for or hold, workers asked for, their pods (that wait for a GPU, too)."""

    gpus: int
    serving: int
    workers: int
    pods: int


@dataclass(frozen=True)
class Condition:
    type: str
    status: str


@dataclass(frozen=True)
class NodeStatus:
    allocatable: dict[str, str] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)


@dataclass(frozen=True)
class NodeSpec:
    unschedulable: bool = False


@dataclass(frozen=True)
class Node:
    """What we read of a node; its images, nine tenths of its bytes, are passed over unparsed."""

    spec: NodeSpec
    status: NodeStatus

    @property
    def gpus(self) -> int:
        """Allocatable ones, if it is ready and takes pods."""
        ready = any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)
        return int(self.status.allocatable.get(GPU, 0)) if ready and not self.spec.unschedulable else 0


@dataclass(frozen=True)
class Nodes:
    items: list[Node]


NODES = TypeAdapter(Nodes)


def alive_gpus(nodes: bytes) -> int:
    """Of the API server's NodeList in JSON."""
    return sum(node.gpus for node in NODES.validate_json(nodes).items)


class Cluster:
    """One connection. `kubeconfig` None: from inside a pod."""

    def __init__(self, place: Place, kubeconfig: str | None = None) -> None:
        from kubernetes import client, config

        loaded = client.Configuration()
        if kubeconfig:
            config.load_kube_config(kubeconfig, client_configuration=loaded)
        else:
            config.load_incluster_config(client_configuration=loaded)
        loaded.retries = 0  # the next look is the retry
        api = client.ApiClient(loaded)
        self.place = place
        self.core, self.apps, self.leases = (
            client.CoreV1Api(api),
            client.AppsV1Api(api),
            client.CoordinationV1Api(api),
        )

    def look(self) -> Look:
        with errors("looking at the cluster"):
            nodes = self.core.list_node(
                label_selector=self.place.nodes,
                resource_version="0",
                _preload_content=False,
                _request_timeout=TIMEOUT,
            )
            ours = self.scale_of(self.place.workers)
            serving = sum(
                one.gpus * max(scale.spec.replicas or 0, scale.status.replicas or 0)
                for one in self.place.serving
                for scale in (self.scale_of(one),)
            )
            return Look(
                alive_gpus(nodes.data),
                serving,
                ours.spec.replicas or 0,
                ours.status.replicas or 0,
            )

    def scale_of(self, one: Workload) -> Any:
        return self.apps.read_namespaced_deployment_scale(one.name, one.namespace, _request_timeout=TIMEOUT)

    def scale(self, workers: int) -> None:
        """Set the workers' replicas, and touch nothing else."""
        ours = self.place.workers
        with errors(f"scaling {ours.namespace}/{ours.name} to {workers}"):
            self.apps.patch_namespaced_deployment_scale(
                ours.name, ours.namespace, {"spec": {"replicas": workers}}, _request_timeout=TIMEOUT
            )


class Lease:
    """Which of several schedulers acts, and what the next one must know (`notes`, in the Lease's annotations).

    The client's own `leaderelection` ends on the first lost connection and cannot carry notes. As there, a holder is given
    up only when its record has not changed for the lease's time on *our* clock: clocks of two hosts are never compared.
    """

    def __init__(self, cluster: Cluster, identity: str) -> None:
        self.cluster, self.identity = cluster, identity
        self.record: tuple[str, str] = ("", "")
        self.changed = self.renewed = float("-inf")
        self.notes: dict[str, str] = {}

    def hold(self, now: float, notes: Mapping[str, str] | None = None) -> bool:
        """Take or renew it; True while we are the one to act. `now`: a monotonic clock's seconds."""
        seconds = self.cluster.place.lease_seconds
        try:
            if self.take(now, notes):
                self.renewed = now
                return True
            self.renewed = float("-inf")
        except ClusterError:
            pass  # the server is away: what we hold stays ours until others may take it
        return now - self.renewed < seconds * 2 / 3

    def take(self, now: float, notes: Mapping[str, str] | None) -> bool:
        from kubernetes.client import ApiException

        api, name, namespace = (
            self.cluster.leases,
            self.cluster.place.lease,
            self.cluster.place.workers.namespace,
        )
        moment = datetime.now(UTC)
        try:
            with errors("reading the lease", but=404):
                lease = api.read_namespaced_lease(name, namespace, _request_timeout=TIMEOUT)
        except ApiException:
            spec = {"holderIdentity": self.identity, "leaseDurationSeconds": self.cluster.place.lease_seconds,
                    "acquireTime": moment.isoformat(), "renewTime": moment.isoformat()}  # fmt: skip
            body = {"metadata": {"name": name, "annotations": dict(notes or {})}, "spec": spec}
            return self.write(lambda: api.create_namespaced_lease(namespace, body, _request_timeout=TIMEOUT))
        spec, mine = lease.spec, lease.spec.holder_identity == self.identity
        record = (spec.holder_identity or "", str(spec.renew_time))
        if record != self.record:
            self.record, self.changed = record, now
        if (
            notes is None
        ):  # we may have been the holder in an earlier life: a container restarts under its pod's name
            self.notes = dict(lease.metadata.annotations or {})
        if not mine:
            if spec.holder_identity and now - self.changed < (spec.lease_duration_seconds or 0):
                return False
            spec.holder_identity, spec.acquire_time = self.identity, moment
            spec.lease_transitions = (spec.lease_transitions or 0) + 1
        spec.renew_time, spec.lease_duration_seconds = moment, self.cluster.place.lease_seconds
        if mine and notes is not None:
            lease.metadata.annotations = dict(notes)
        return self.write(
            lambda: api.replace_namespaced_lease(name, namespace, lease, _request_timeout=TIMEOUT)
        )

    def write(self, call: Any) -> bool:
        """False if another was faster: the API server compares the version that was read."""
        from kubernetes.client import ApiException

        try:
            with errors("writing the lease", but=409):
                call()
        except ApiException:
            return False
        return True

    def give_up(self) -> None:
        """Leave at once what the next scheduler would wait for."""
        api, name, namespace = (
            self.cluster.leases,
            self.cluster.place.lease,
            self.cluster.place.workers.namespace,
        )
        with errors("giving the lease up"):
            lease = api.read_namespaced_lease(name, namespace, _request_timeout=TIMEOUT)
            if lease.spec.holder_identity == self.identity:
                lease.spec.holder_identity = ""
                api.replace_namespaced_lease(name, namespace, lease, _request_timeout=TIMEOUT)


@contextmanager
def errors(doing: str, but: int | None = None) -> Iterator[None]:
    """ClusterError for what the API server or the way to it refuses, save one status that the caller knows."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status == but:
            raise
        raise ClusterError(f"{doing}: {error.status} {error.reason}: {message(error.body)}") from error
    except (HTTPError, OSError) as error:
        raise ClusterError(f"{doing}: {type(error).__name__}: {error}") from error


def message(body: Any) -> str:
    try:
        return str(orjson.loads(body)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return str(body)[:200]
