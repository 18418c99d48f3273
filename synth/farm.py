"""farm.yaml: where results are kept and what carries requests. One farm serves many jobs and models."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline import forms
from pipeline.data.store import LocalStore


@dataclass(frozen=True)
class Pulsar:
    """A broker. Tokens are read from a file each time a connection is made, so they can be renewed."""

    service: str  # pulsar://host:6650, pulsar+ssl://host:6651
    admin: str  # http(s)://host:8080
    tenant: str = "farm"
    namespace: str = "synth"
    token_file: str = ""
    tls_ca: str = ""  # certificates to trust, PEM
    max_unacked: int = 0  # maxUnackedMessagesPerConsumer of the namespace, set on submit; 0 leaves it

    def token(self) -> str:
        """The token, or nothing where the broker asks for none."""
        return Path(self.token_file).read_text("utf-8").strip() if self.token_file else ""


@dataclass(frozen=True)
class Farm:
    """A farm. Paths are relative to the current directory. Without `pulsar` the queue is a SQLite file in the store."""

    store: str
    pulsar: Pulsar | None = None
    variants: str = ""  # folder of further variant files
    gpu_hour: float = 0.0  # price of one, for figures of cost
    vllm: str = ""  # interpreter of vLLM's own environment, for workers that start it; without it, the one that runs us

    def job(self, name: str) -> LocalStore:
        """The folder of one job: its requests, segments and documents."""
        return LocalStore(f"{self.store}/jobs/{named(name)}")

    def jobs(self) -> list[str]:
        """The names of all jobs ever submitted."""
        return sorted(path.parent.name for path in Path(self.store, "jobs").glob("*/job.json"))


def named(name: str) -> str:
    """The name of a job, which is a folder's too. Raises ValueError for what leads elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", str(name)):
        raise ValueError(
            f"job '{name}' must be a name of letters, digits, - and _: its folder and its source are called so"
        )
    return name


def read(path: str) -> Farm:
    """Raises FormError, OSError."""
    return forms.build(Farm, forms.load(Path(path).read_text("utf-8"), path), "farm")
