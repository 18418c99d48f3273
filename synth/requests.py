"""A job file and its rows → requests, each under the digest of what it asks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import orjson

from pipeline import forms
from pipeline.data.store import LocalStore
from synth import farm as farms
from synth import variants
from synth.checks import Checks
from synth.farm import Farm
from synth.queue import Lane
from synth.template import Prompt, RowError
from synth.variants import Sampling, Variant


@dataclass(frozen=True)
class Budget:
    """What a job may cost at most; 0: no limit. Tokens are counted as if every answer had max_tokens."""

    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Job:
    """A job file. Paths are relative to the current directory."""

    job: str
    farm: str
    rows: str  # files, by glob: JSON lines (.gz, .zst too) or Parquet
    variant: str
    form: Literal["rows", "batch"] = "rows"  # batch: OpenAI's batch files, whose bodies need no template
    template: str = ""
    system: str = ""
    data: tuple[str, ...] = ("text",)  # fields that hold source text
    sampling: Sampling | None = None  # over the variant's own
    seed: int = 0
    candidates: int = 1
    lane: Lane = "normal"
    schema: str = ""  # file of the JSON Schema that answers follow
    tokenizer: str = ""  # tokenizer.json of the model: rows too long for it are refused before they travel
    checks: Checks = field(default_factory=Checks)
    budget: Budget = field(default_factory=Budget)
    document: tuple[Literal["prompt", "thought", "answer"], ...] = (
        "answer",
    )  # what a document's text is made of

    def __post_init__(self) -> None:
        farms.named(self.job)
        if (self.form == "rows") != bool(self.template):
            raise ValueError("rows need a template, and form: batch has its messages already")
        if self.candidates < 1:
            raise ValueError(f"candidates {self.candidates} must be 1 or more")
        Prompt(self.template, self.system, self.data)


@dataclass(frozen=True)
class Task:
    """A job with what it names."""

    job: Job
    farm: Farm
    variant: Variant
    sampling: Sampling
    prompt: Prompt
    schema: Any = None
    tokenizer: Any = None

    @property
    def store(self) -> LocalStore:
        """Where everything of the job lies."""
        return self.farm.job(self.job.job)

    @property
    def asks(self) -> dict[str, Any]:
        """What every request of the job says beside messages and seed."""
        said = dict(self.sampling.given)
        if self.variant.chat:
            said["chat_template_kwargs"] = dict(self.variant.chat)
        if self.schema is not None:
            form = {"name": "answer", "schema": self.schema, "strict": True}
            said["response_format"] = {"type": "json_schema", "json_schema": form}
        return said


def read(path: str) -> Task:
    """job.yaml and what it names, checked. Raises FormError, OSError, ValueError."""
    form = forms.load(Path(path).read_text("utf-8"), path)
    job = forms.build(Job, form, "job")
    farm = farms.read(job.farm)
    with form["variant"].blame("job.variant"):
        variant = variants.read(job.variant, farm.variants)
    with form.blame("job.sampling"):
        sampling = (job.sampling or Sampling()).over(forms.dump(variant.sampling))
        variant.most(sampling)
        if job.candidates > 1 and sampling.temperature == 0:
            raise ValueError(
                f"temperature 0 gives {job.candidates} equal candidates; ask for one, or for some warmth"
            )
    prompt = Prompt(job.template, job.system, job.data)
    schema = orjson.loads(Path(job.schema).read_bytes()) if job.schema else None
    return Task(job, farm, variant, sampling, prompt, schema, load_tokenizer(job.tokenizer))


def load_tokenizer(path: str) -> Any:
    if not path:
        return None
    from tokenizers import Tokenizer

    return Tokenizer.from_file(path)


# Requests


@dataclass(frozen=True)
class Request:
    """What goes to the engine, and what its result is to remember."""

    id: str
    custom_id: str
    body: Mapping[str, Any]  # of /v1/chat/completions
    parents: tuple[str, ...]  # ids of documents, 32 hex digits

    @property
    def most(self) -> int:
        """Tokens that its answer may have."""
        return int(self.body["max_tokens"])

    def letter(self, task: Task) -> bytes:
        """What travels."""
        said = {
            "job": task.job.job,
            "custom_id": self.custom_id,
            "parents": self.parents,
            "revision": task.variant.revision,
            "body": self.body,
        }
        return orjson.dumps(said)


def request_id(body: Mapping[str, Any], revision: str) -> str:
    """The digest of messages, model, revision, sampling and seed."""
    said = orjson.dumps({"body": dict(body), "revision": revision}, option=orjson.OPT_SORT_KEYS)
    return blake2b(said, digest_size=16).hexdigest()


def candidate_seed(seed: int, candidate: int) -> int:
    """31 bits from both: vLLM takes int64, other servers int32."""
    return int.from_bytes(blake2b(f"{seed}:{candidate}".encode(), digest_size=4).digest()) >> 1


def requests(task: Task, row: Mapping[str, Any], name: str) -> Iterator[Request]:
    """The candidates of one row; `name`: its place, for those that have no name of their own. Raises RowError."""
    body, custom_id = of_batch(task, row) if task.job.form == "batch" else (of_row(task, row), name)
    refuse_long(task, body)
    parent = row.get("winnow_id")
    parents = (parent,) if isinstance(parent, str) and len(parent) == 32 else ()
    several = task.job.candidates > 1
    for candidate in range(task.job.candidates):
        seed = candidate_seed(task.job.seed, candidate)
        whole = {**body, "seed": seed if several else body.get("seed", seed)}
        named = f"{custom_id}/{candidate}" if several else custom_id
        yield Request(request_id(whole, task.variant.revision), named, whole, parents)


def of_row(task: Task, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": task.variant.model, "messages": task.prompt.messages(row), **task.asks}


def refuse_long(task: Task, body: Mapping[str, Any]) -> None:
    """RowError for a prompt that leaves no place for the answer. Without a tokenizer the engine refuses it."""
    if task.tokenizer is None:
        return
    texts = [one["content"] for one in body["messages"] if isinstance(one.get("content"), str)]
    tokens = sum(len(one.ids) for one in task.tokenizer.encode_batch(texts, add_special_tokens=False))
    if tokens + body["max_tokens"] > task.variant.context:
        raise RowError(
            "too_long",
            f"{tokens} tokens and {body['max_tokens']} of answer; {task.job.variant} has {task.variant.context}",
        )


def of_batch(task: Task, row: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """(body, custom_id) of a line of an OpenAI batch file; the job's sampling where the line says nothing."""
    body = row.get("body")
    if not isinstance(body, Mapping) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise RowError("not_a_batch_line", "a line has custom_id, method, url and a body with messages")
    if row.get("url", "/v1/chat/completions") != "/v1/chat/completions":
        raise RowError("other_endpoint", f"{row['url']}; only /v1/chat/completions is served here")
    if body.get("model", task.variant.model) != task.variant.model:
        raise RowError("other_model", f"asks for {body['model']}; the job's variant is {task.variant.model}")
    if body.get("stream") or body.get("n", 1) != 1:
        raise RowError("not_one_answer", "stream and n are not taken; say candidates in the job")
    for message in body["messages"]:
        refuse_links(message)
    custom_id = str(row.get("custom_id") or "")
    if not custom_id:
        raise RowError("no_custom_id", "each line of a batch has a custom_id")
    asks = {**task.asks, **body, "model": task.variant.model}
    said = (asks.pop("max_completion_tokens", None), asks["max_tokens"], task.sampling.max_tokens)
    asks["max_tokens"] = next(one for one in said if one is not None)  # in vLLM's order
    try:
        task.variant.most(Sampling(asks["max_tokens"]))
    except (ValueError, TypeError) as error:
        raise RowError("bad_max_tokens", str(error)) from error
    return asks, custom_id


def refuse_links(message: Any) -> None:
    """RowError unless every image travels in the request: an engine that fetches URLs out of data is a way into its network."""
    content = message.get("content") if isinstance(message, Mapping) else None
    for part in content if isinstance(content, list) else []:
        url = part.get("image_url", {}).get("url", "") if isinstance(part, Mapping) else ""
        if url and not url.startswith("data:"):
            raise RowError(
                "foreign_url", f"{url[:80]}: images travel as data: URLs, an engine fetches nothing"
            )
