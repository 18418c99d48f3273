"""The farm on the real vLLM, a tiny random model on the CPU: what the engine double stands for elsewhere."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import forms
from synth import collect, requests, submit, variants
from synth.colocated import LOWEST, Calm, Guest, Manners
from synth.engine import Engine
from synth.requests import Task
from synth.work import Post, work
from synth.worker import Worker
from tests.cli.command import winnow
from tests.kubernetes import manifests
from tests.synth import farms, vllm_engine
from tests.synth.vllm_engine import ENVIRONMENT, SLOTS, Served

pytestmark = pytest.mark.real("vLLM")

PATIENT = replace(farms.QUICK, in_flight=12, deadline_seconds=120, attempts=100, stall_seconds=60)
HABITS = replace(PATIENT, delay_seconds=0.5, commit_seconds=0.5)
BURST = 8 * SLOTS  # at once: most of them wait
LONG: dict[str, Any] = {"max_tokens": 400, "temperature": 1.0}


@pytest.fixture(scope="module")
def one_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with vllm_engine.served(vllm_engine.farm(tmp_path_factory.mktemp("vllm"))) as one:
        yield one


@pytest.fixture
def engine(one_engine: Served) -> Served:
    """The module's, started again where a test has ended it."""
    if one_engine.process.ended:
        one_engine.runner.run(one_engine.start())
    return one_engine


def submitted(served: Served, folder: Path, count: int, **job: Any) -> Task:
    """A job of its own on the module's farm."""
    task = farms.task(folder, served.farm, farms.texts(count), variant="tiny", job=folder.name[-90:], **job)
    submit.run(task)
    return task


async def worked(served: Served, habits: Any = HABITS, make: type[Worker] = Worker, **more: Any) -> None:
    async with asyncio.timeout(240):
        await work(Post(served.farm, "tiny", served.url), habits, make, **more)


def books_of(task: Task) -> collect.Books:
    books = collect.collect(task)
    assert books.balance
    assert books.accepted + books.rejected.total() + books.dead.total() + books.pending == books.submitted
    return books


def watched(base: type[Worker]) -> tuple[type[Worker], list[Worker]]:
    """A kind of worker that shows itself in the list when it runs."""
    running: list[Worker] = []

    class Watched(base):  # type: ignore[valid-type, misc]
        async def run(self) -> None:
            running.append(self)
            await super().run()

    return Watched, running


def value(worker: Worker, outcome: str) -> float:
    """Ends of attempts of this name."""
    return worker.registry.get_sample_value("winnow_synth_outcomes_total", {"outcome": outcome}) or 0.0


async def until(found: Callable[[], Any], seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while not found():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)


def test_its_own_parser_takes_every_variant():
    """In its environment: flags that do not exist, values that it refuses, reasoning parsers that it does not have."""
    lines = {name: variants.read(name).arguments() for name in variants.names() if name != "double"}
    [sidecar] = dict(manifests.pods())["synth-workers"]["initContainers"]
    lines["k8s/base/workers.yaml"] = sidecar["args"]
    command = [vllm_engine.vllm_python(), "-c", PARSE]
    done = subprocess.run(
        command,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["refused"] == {}
    assert said["control"]  # it does refuse what is wrong
    assert len(said["taken"]) == len(lines) >= 16


PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.reasoning import ReasoningParserManager
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser, taken, refused = make_arg_parser(FlexibleArgumentParser()), [], {}
def refusal(arguments):
    try:
        parsed = parser.parse_args(arguments)
        validate_parsed_serve_args(parsed)
    except (SystemExit, Exception) as error:
        return repr(error)
    known = ["", *ReasoningParserManager.list_registered()]
    return "" if (parsed.reasoning_parser or "") in known else f"no {parsed.reasoning_parser} in {known}"
for name, arguments in json.load(sys.stdin).items():
    if why := refusal(arguments):
        refused[name] = why
    else:
        taken.append(name)
wrong = [refusal(["--model", "m", *more]) for more in (["--no-such-flag", "1"], ["--reasoning-parser", "nobody"])]
print(json.dumps({"taken": taken, "refused": refused, "control": all(wrong)}))
"""


def test_submit_work_collect(engine: Served, tmp_path: Path):
    task = submitted(engine, tmp_path, 60, candidates=2)
    engine.runner.run(worked(engine))
    books = books_of(task)
    assert (books.submitted, books.dead.total(), books.pending) == (120, 0, 0)
    rows = list(collect.batch_lines(task))
    assert len(rows) == 120
    usage = [json.loads(row)["response"]["body"]["usage"] for row in rows]
    assert all(one["prompt_tokens"] > 10 and 0 < one["completion_tokens"] <= 48 for one in usage)


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_requests_over_their_deadline_wait_for_an_engine_that_goes_on(
    engine: Served, tmp_path: Path, how: str
):
    """SIGSTOP: nothing answers. /pause: its pages answer, and requests hang. Afterwards all have a result, and none is dead."""
    task = submitted(engine, tmp_path, 40)
    kind, workers = watched(Worker)

    async def body() -> None:
        habits = replace(HABITS, deadline_seconds=5, probe_seconds=30)
        working = asyncio.create_task(worked(engine, habits, kind))
        await until(lambda: workers and workers[0].flights)
        await hold(engine, how)
        try:
            await until(lambda: value(workers[0], "retry_deadline") >= 5)
        finally:
            await let_go(engine, how)
        await working

    engine.runner.run(body())
    books = books_of(task)
    assert (books.submitted, books.dead.total(), books.pending) == (40, 0, 0)


async def hold(engine: Served, how: str) -> None:
    if how == "stopped":
        engine.signal(signal.SIGSTOP)
    else:
        await post(engine, "/pause")


async def let_go(engine: Served, how: str) -> None:
    if how == "stopped":
        engine.signal(signal.SIGCONT)
    else:
        await post(engine, "/resume")


async def post(served: Served, path: str) -> None:
    async with Engine(served.url) as one, one.session.post(f"{one.url}{path}") as answer:
        assert answer.status == 200


# Priority


def body_of(served: Served, number: int, priority: int) -> dict[str, Any]:
    said = [{"role": "user", "content": f"number {number}"}]
    model = variants.read("tiny", served.farm.variants).model
    return {"model": model, "messages": said, "max_tokens": 200, "priority": priority, "ignore_eos": True}


def test_servings_request_goes_before_ours_that_wait(engine: Served):
    """Behind more than four engines full of ours: sent last, served before those that were sent just before it.

    In the order of arrival it is the last each time. vLLM's front end now and then says nothing for seconds while its engine
    works, and what it says of who waits is then old: such a round shows nothing.
    """
    assert any(engine.runner.run(order(engine)).index("serving") < BURST - SLOTS for _ in range(5))


async def order(served: Served) -> list[str]:
    """Whose requests ended, first to last."""
    ended: list[str] = []

    async def ask(name: str, number: int, priority: int) -> None:
        await one.complete(body_of(served, number, priority))
        ended.append(name)

    async with Engine(served.url) as one, asyncio.TaskGroup() as group:
        for number in range(BURST):
            group.create_task(ask("ours", number, LOWEST))
        while Calm.of(await one.gauges()).waiting < 4 * SLOTS and len(ended) < BURST:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)
        group.create_task(ask("serving", 99, 0))
    return ended


@dataclass
class Polite(Guest):
    """Few, and quick to look."""

    manners: Manners = field(default_factory=lambda: Manners(most=6, every_seconds=0.05))


def test_a_guest_at_servings_engine_leaves_when_a_request_waits(engine: Served, tmp_path: Path):
    """It reads the engine's real gauges; serving's bursts send it away, all of serving's and all of ours are answered."""
    task = submitted(engine, tmp_path, 60, sampling={"max_tokens": 200})
    kind, guests = watched(Polite)

    async def body() -> None:
        async with Engine(engine.url) as one:
            assert Calm.of(await one.gauges()) == Calm(0.0, 0.0)
            working = asyncio.create_task(worked(engine, HABITS, kind))
            await until(lambda: guests and guests[0].flights)
            while guests[0].flights and not value(guests[0], "handed_back"):
                burst = [one.complete(body_of(engine, number, 0)) for number in range(BURST)]
                answers = await asyncio.gather(*burst)
                assert [answer.completion_tokens for answer in answers] == [200] * BURST
            await working

    engine.runner.run(body())
    assert value(guests[0], "handed_back") > 0
    books = books_of(task)
    assert (books.submitted, books.dead.total(), books.pending) == (60, 0, 0)


# Ends


def test_an_engine_told_to_end_finishes_what_it_has_and_the_rest_goes_back(engine: Served, tmp_path: Path):
    """SIGTERM while it generates: what it had is kept, what it refuses then waits for another worker, none is dead."""
    task = submitted(engine, tmp_path, 60, sampling=LONG)
    kind, workers = watched(Worker)

    async def body() -> None:
        working = asyncio.create_task(worked(engine, replace(HABITS, probe_seconds=1), kind))
        await until(lambda: workers and len(workers[0].flights) > SLOTS)
        assert engine.process.running
        engine.process.running.send_signal(signal.SIGTERM)
        before = value(workers[0], "result")
        async with asyncio.timeout(120):
            assert await engine.process.running.wait() == 0
        assert value(workers[0], "result") > before
        workers[0].leave()
        await working

    engine.runner.run(body())
    books = books_of(task)
    assert books.pending > 0
    assert books.dead.total() == 0


def test_the_demo_starts_it_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`winnow synth demo --engine vllm`, whose farm.yaml says where vLLM is: 200 requests, books that balance, the engine gone."""
    for name, said in ENVIRONMENT.items():
        monkeypatch.setenv(name, said)
    where = vllm_engine.farm(tmp_path / "own")
    (tmp_path / "demo").mkdir()
    farm = replace(where, store=str(tmp_path / "demo/farm"))
    (tmp_path / "demo/farm.yaml").write_text(forms.write(forms.dump(farm)), encoding="utf-8")
    done = winnow("synth", "demo", "demo", "--engine", "vllm", "-v", "tiny", cwd=tmp_path, timeout=1_500)
    assert done.returncode == 0, done.stderr
    assert "the books balance" in done.stdout
    monkeypatch.chdir(tmp_path)  # the job names its farm from here
    books = books_of(requests.read("demo/job.yaml"))
    assert (books.submitted, books.dead.total(), books.pending) == (200, 0, 0)
    assert (
        f"--model {where.variants.removesuffix('variants')}tiny"
        not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    )
