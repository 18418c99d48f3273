"""A sample of a job through several variants, before GPUs are spent on all of it → what each yields, and a page of answers.

Each variant is asked by a bare asynchronous client, with as many requests in flight as a worker would keep. The advice goes by
yield: accepted tokens per GPU-hour. GPU-seconds are wall time × the variant's GPUs, from the first request to the last answer:
without the start, which a night has once.
"""

import asyncio
import heapq
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

from pipeline import forms
from pipeline import page as pages
from synth import checks, requests, rows, variants
from synth.engine import Answer, Engine, RequestError
from synth.requests import Request, Task
from synth.template import RowError
from synth.work import Post

SHOWN = 12  # rows whose answers stand side by side
EXCERPT = 1_200  # characters of an answer on the page


@dataclass(frozen=True)
class Entry:
    """One variant of a trial. Without `url` its engine is started here, by `command` or as vLLM."""

    variant: str
    url: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """trial.yaml. Paths are relative to the current directory."""

    job: str
    variants: tuple[Entry, ...]
    sample: int = 64
    deadline_seconds: float = 600.0
    output: str = "trial.html"

    def __post_init__(self) -> None:
        if not self.variants or self.sample < 1:
            raise ValueError("a trial has one variant or more, and a sample of one row or more")


@dataclass
class Outcome:
    """What one variant did with the sample. Tokens are those of answers."""

    variant: str
    gpus: int
    seconds: float = 0.0
    tokens: int = 0
    accepted_tokens: int = 0
    asked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # of the answers that are no documents
    answers: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # place of the row → (text, reason or "")

    @property
    def gpu_seconds(self) -> float:
        return self.seconds * self.gpus

    @property
    def passed(self) -> float:
        """The share of requests that became documents."""
        return 1 - self.reasons.total() / self.asked if self.asked else 0.0

    @property
    def yields(self) -> float:
        """Accepted tokens per GPU-hour."""
        return self.accepted_tokens / self.gpu_seconds * 3_600 if self.gpu_seconds else 0.0

    def cost(self, gpu_hour: float) -> float:
        """Of a thousand accepted tokens."""
        return (
            self.gpu_seconds / 3_600 * gpu_hour / self.accepted_tokens * 1_000
            if self.accepted_tokens
            else float("inf")
        )


def read(path: str) -> tuple[Trial, Task]:
    """trial.yaml and its job. Raises FormError, ValueError, OSError."""
    form = forms.load(Path(path).read_text("utf-8"), path)
    trial = forms.build(Trial, form, "trial")
    task = requests.read(trial.job)
    for part, entry in zip(form["variants"], trial.variants, strict=True):
        with part.blame("trial.variants"):
            variants.read(entry.variant, task.farm.variants)
    return trial, task


def sample(task: Task, count: int) -> list[tuple[str, rows.Row]]:
    """Rows by hash(seed, place): the same ones each time, from all over the files."""

    def chance(place: str) -> bytes:
        return blake2b(f"{task.job.seed}\0{place}".encode("utf-8", "surrogateescape"), digest_size=8).digest()

    return heapq.nsmallest(count, rows.read(task.job.rows), key=lambda row: chance(row[0]))


async def run(trial: Trial, task: Task) -> list[Outcome]:
    """All variants, one after the other: they may need the same GPUs. Raises EngineError."""
    chosen = sample(task, trial.sample)
    return [await one(trial, task, entry, chosen) for entry in trial.variants]


async def one(trial: Trial, task: Task, entry: Entry, chosen: Sequence[tuple[str, rows.Row]]) -> Outcome:
    variant = variants.read(entry.variant, task.farm.variants)
    own = (task.job.sampling or variants.Sampling()).over(forms.dump(variant.sampling))
    mine = replace(task, variant=variant, sampling=own)
    outcome = Outcome(entry.variant, variant.gpus)
    process = Post(task.farm, entry.variant, entry.url, entry.command).process(variant)
    async with Engine(process.url if process else entry.url, os.environ.get("OPENAI_API_KEY", "")) as engine:
        try:
            if process:
                await process.start(engine, variant.model)
            await engine.check(variant.model)
            slots, begin = asyncio.Semaphore(variant.concurrency), time.monotonic()
            asked = [
                ask(trial, mine, engine, slots, outcome, made) for made in prompts(mine, chosen, outcome)
            ]
            await asyncio.gather(*asked)
            outcome.seconds = time.monotonic() - begin
        finally:
            if process:
                await process.stop()
    return outcome


def prompts(
    task: Task, chosen: Sequence[tuple[str, rows.Row]], outcome: Outcome
) -> Iterator[tuple[str, Request]]:
    for place, row in chosen:
        try:
            yield from ((place, request) for request in requests.requests(task, row, place))
        except RowError as error:
            outcome.asked += 1
            outcome.reasons[error.reason] += 1


async def ask(
    trial: Trial,
    task: Task,
    engine: Engine,
    slots: asyncio.Semaphore,
    outcome: Outcome,
    made: tuple[str, Request],
) -> None:
    place, request = made
    answer, reason = Answer("", "", "", 0, 0), None
    async with slots:
        try:
            async with asyncio.timeout(trial.deadline_seconds):
                answer = await engine.complete(request.body)
        except RequestError as error:
            reason = error.reason
        except TimeoutError:
            reason = "deadline"
    prompt = checks.prompt_text(request.body["messages"])
    reason = reason or checks.verdict(task.job.checks, prompt, answer.text, answer.finish, task.schema)
    outcome.asked += 1
    outcome.tokens += answer.completion_tokens
    outcome.answers.setdefault(place, (answer.text, reason or ""))
    if reason:
        outcome.reasons[reason] += 1
    else:
        outcome.accepted_tokens += answer.completion_tokens


def advice(outcomes: Sequence[Outcome]) -> str:
    """The sentence that recommends, or says why it cannot."""
    best, *others = sorted(outcomes, key=lambda outcome: (-outcome.yields, outcome.variant))
    if not best.yields:
        return "No variant gave an answer that passes the checks: look at the reasons before anything is submitted."
    said = f"{best.variant} yields most: {best.yields:,.0f} accepted tokens per GPU-hour"
    return said + (
        f", {best.yields / others[0].yields:.2f} × {others[0].variant}."
        if others and others[0].yields
        else "."
    )


def page(task: Task, outcomes: Sequence[Outcome]) -> str:
    """One self-contained HTML page."""
    head = (
        "variant",
        "requests",
        "passed",
        "tokens/s",
        "GPU-seconds",
        "accepted tokens per GPU-hour",
        "cost per 1,000 accepted",
    )
    lines = [
        (one.variant, one.asked, f"{one.passed:.1%}", f"{one.tokens / one.seconds:,.0f}" if one.seconds else "–",
         f"{one.gpu_seconds:,.1f}", f"{one.yields:,.0f}", f"{one.cost(task.farm.gpu_hour):.5f}")
        for one in outcomes
    ]  # fmt: skip
    why = [(one.variant, reason, count) for one in outcomes for reason, count in sorted(one.reasons.items())]
    places = sorted({place for one in outcomes for place in one.answers})[:SHOWN]
    return pages.page(f"Trial of {task.job.job}", [
        pages.Section("What each yields", [pages.text(advice(outcomes)), pages.table(head, lines)]),
        pages.Section("Why answers were refused", [pages.table(("variant", "reason", "answers"), why)]),
        pages.Section("Answers side by side", [part for place in places for part in side_by_side(place, outcomes)]),
    ])  # fmt: skip


def side_by_side(place: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What every variant answered to one request."""
    yield pages.text(place, "note")
    for one in outcomes:
        text, reason = one.answers.get(place, ("", "not asked"))
        note = f"{one.variant}: {reason}" if reason else one.variant
        yield pages.excerpt(note, [(text[:EXCERPT], "")])
