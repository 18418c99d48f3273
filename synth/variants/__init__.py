"""The models that a farm can run, one YAML file each: adding a file adds a model. `read` finds one by its name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from pipeline import forms


@dataclass(frozen=True)
class Sampling:
    """What a request asks of the engine; None leaves it to the engine. Names are those of vLLM's OpenAI server."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens {self.max_tokens} must be 1 or more")
        for name, low, high in (
            ("temperature", 0, 2),
            ("top_p", 0, 1),
            ("min_p", 0, 1),
            ("presence_penalty", -2, 2),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} {value} must lie in {low} … {high}")
        if self.top_p == 0:
            raise ValueError("top_p 0 leaves no token; for the likeliest one write temperature: 0")
        if self.top_k is not None and (self.top_k < -1 or self.top_k == 0):
            raise ValueError(f"top_k {self.top_k} must be 1 or more, or -1 for all")
        if self.temperature == 0 and (
            others := [one for one in ("top_p", "top_k", "min_p") if one in self.given]
        ):
            raise ValueError(
                f"temperature 0 takes the likeliest token; {others[0]} contradicts it, leave one out"
            )

    @property
    def given(self) -> dict[str, Any]:
        """The fields that say something."""
        return {
            name: list(value) if name == "stop" else value
            for name, value in vars(self).items()
            if value not in (None, ())
        }

    def over(self, defaults: Mapping[str, Any]) -> "Sampling":
        """These values, and `defaults` where they say nothing. A temperature of 0 takes none of the others along."""
        drop = ("top_p", "top_k", "min_p") if self.temperature == 0 else ()
        merged = {name: value for name, value in defaults.items() if name not in drop} | forms.dump(self)
        return Sampling(**{**merged, "stop": tuple(merged.get("stop", ()))})


@dataclass(frozen=True)
class Variant:
    """One model as it is run. `engine`: arguments of vLLM's server, as in its documentation, _ for -."""

    model: str  # where its weights are found, and its name in requests
    family: str
    kind: Literal["text", "vision"]
    gpus: int  # that one engine takes
    gpu_memory_gb: int  # of each of them, at least
    context: int  # tokens of prompt and answer together
    sampling: Sampling
    source: str  # of the sampling defaults
    revision: str = "main"  # pin a commit before a job that matters: it is part of every request's id
    engine: Mapping[str, Any] = field(default_factory=dict)
    chat: Mapping[str, Any] = field(default_factory=dict)  # chat_template_kwargs of every request
    in_flight: int = 0  # requests to keep at the engine; 0: engine.max_num_seqs × 1.5

    def __post_init__(self) -> None:
        if min(self.gpus, self.context) < 1:
            raise ValueError("gpus and context must be 1 or more")
        self.most(self.sampling)

    def most(self, sampling: Sampling) -> int:
        """The max_tokens of a request. Raises ValueError where none is said, or a prompt has no place beside it."""
        if sampling.max_tokens is None:
            raise ValueError("sampling.max_tokens is missing; add it")
        if sampling.max_tokens >= self.context:
            raise ValueError(
                f"max_tokens {sampling.max_tokens} leaves no prompt in a context of {self.context}"
            )
        return sampling.max_tokens

    @property
    def concurrency(self) -> int:
        """Requests at the engine at once: half as many again as it runs, so that it never waits for us."""
        return self.in_flight or int(self.engine.get("max_num_seqs", 64) * 3 // 2)

    def arguments(self) -> list[str]:
        """The command line of vLLM's OpenAI server, less host and port."""
        said = {
            "model": self.model,
            "revision": self.revision,
            "max_model_len": self.context,
            "tensor_parallel_size": self.gpus,
        }
        flags = []
        for name, value in {**said, **self.engine}.items():
            flag = f"--{name.replace('_', '-')}"
            flags += [flag] if value is True else [] if value is False else [flag, str(value)]
        return flags


def names(folder: str = "") -> list[str]:
    """All variants, the shipped ones and those of a folder."""
    shipped = [one.name for one in resources.files("synth.variants").iterdir()]
    own = os.listdir(folder) if folder else []
    return sorted({one.removesuffix(".yaml") for one in [*shipped, *own] if one.endswith(".yaml")})


def read(name: str, folder: str = "") -> Variant:
    """One variant; a file of the folder goes before a shipped one. Raises ValueError for an unknown name, FormError."""
    known = names(folder)
    if name not in known:
        raise ValueError(
            f"no variant '{name}'; {forms.suggest(name, known)}; add a file {name}.yaml to the farm's variants"
        )
    path = os.path.join(folder, f"{name}.yaml") if folder else ""
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return forms.build(Variant, forms.load(file.read(), path), "variant")
    shipped = resources.files("synth.variants") / f"{name}.yaml"
    return forms.build(Variant, forms.load(shipped.read_text("utf-8"), f"{name}.yaml"), "variant")
