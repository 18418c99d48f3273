"""The files of k8s/ as plain values, read strictly: no key twice, no field that Kubernetes does not have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

K8S = Path(__file__).resolve().parents[2] / "k8s"
BASE, OVERLAYS = K8S / "base", sorted(path for path in (K8S / "overlays").iterdir() if path.is_dir())


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice."""


def mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    if len(set(keys)) < len(keys):
        raise yaml.MarkedYAMLError(problem=f"a key stands twice: {keys}", problem_mark=node.start_mark)
    return {
        key: loader.construct_object(value, deep=True)
        for key, (_, value) in zip(keys, node.value, strict=True)
    }


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.load_all(path.read_text(), Strict))


def listed(folder: Path) -> list[dict[str, Any]]:
    """What the kustomization of a folder names itself, without what it builds on."""
    [kustomization] = documents(folder / "kustomization.yaml")
    return [
        one
        for name in kustomization["resources"]
        if name.endswith(".yaml")
        for one in documents(folder / name)
    ]


def find(kind: str, name: str, folder: Path = BASE, namespace: str | None = "synth") -> dict[str, Any]:
    """The one of this name; objects without a namespace are found whatever it says."""
    [one] = [
        one
        for one in listed(folder)
        if (one["kind"], one["metadata"]["name"]) == (kind, name)
        and one["metadata"].get("namespace", namespace) == namespace
    ]
    return one


def pods(folder: Path = BASE) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in listed(folder):
        if one["kind"] == "Deployment":
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def unknown(value: Any, kind: str, place: str) -> Iterator[str]:
    """Fields that the client's own model of `kind` does not have."""
    if listed_ := re.fullmatch(r"[Ll]ist\[(.*)\]", kind):
        for at, one in enumerate(value):
            yield from unknown(one, listed_[1], f"{place}[{at}]")
    elif model := getattr(client, kind, None):
        known = {name: model.openapi_types[own] for own, name in model.attribute_map.items()}
        for key, one in value.items():
            if key in known:
                yield from unknown(one, known[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}"


def model_of(one: dict[str, Any]) -> str:
    """v1 Namespace → V1Namespace."""
    version = one["apiVersion"].rpartition("/")[2]
    return version[0].upper() + version[1:] + one["kind"]
