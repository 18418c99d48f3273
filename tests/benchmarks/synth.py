"""Figures of synth/ for LOG.md: `python -m tests.benchmarks.synth submit|overhead|vllm|status [pulsar]`.

submit: requests a second from one process, rendering, digests, chunk files and queue together.
overhead: tokens a second through queue and worker ÷ those of a bare asynchronous client, against a double of fixed rate.
vllm: the same against the real engine on the CPU.
status: of a job of 10 M requests, whose files are made here with as many footers and few rows.
With `pulsar` submit and overhead run on a real broker, started here, else on the SQLite queue.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from synth import collect, requests, segments, status, submit
from synth.engine import Engine
from synth.farm import Farm
from synth.requests import Task
from synth.segments import Tally
from synth.work import Post, work
from synth.worker import Habits
from tests.synth import farms, vllm_engine
from tests.synth.broker import Broker

SUBMITTED = 20_000
ASKED, ASKED_OF_VLLM = 2_400, 600
SLOTS, RATE = 64, 40.0  # as an 8B model on one GPU: 2,560 tokens or 53 requests of 48 tokens a second
JOB_REQUESTS, SEGMENT_ROWS = 10_000_000, 1_000


def spent() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def submitting(folder: Path, farm: Farm) -> Iterator[str]:
    task = farms.task(folder, farm, [{"text": f"row {number} " * 20} for number in range(SUBMITTED)])
    wall, cpu = spent()
    done = submit.run(task)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    assert done.new == SUBMITTED
    yield f"submit {SUBMITTED:,} requests of 160 bytes | {wall:.1f} s | {cpu:.1f} s | {SUBMITTED / wall:,.0f}/s, {SUBMITTED / cpu:,.0f}/CPU s"


async def bare(url: str, bodies: list[dict[str, object]], slots: int) -> int:
    """All requests by an asynchronous client with as many in flight; tokens."""
    free = asyncio.Semaphore(slots)
    async with Engine(url) as engine:

        async def one(body: dict[str, object]) -> int:
            async with free:
                return (await engine.complete(body)).completion_tokens

        return sum(await asyncio.gather(*map(one, bodies)))


def overhead(folder: Path, farm: Farm) -> Iterator[str]:
    with farms.double(RATE, SLOTS) as url:
        what = f"{ASKED:,} requests, {SLOTS} slots of {RATE:.0f} tokens/s"
        yield from compared(what, folder, farm, ("double", url, SLOTS), ASKED)


def real(folder: Path, _: Farm) -> Iterator[str]:
    """On two cores engine and worker take each other's time: what is measured is that."""
    farm = vllm_engine.farm(folder / "vllm")
    with vllm_engine.served(farm) as engine:
        slots = vllm_engine.SLOTS
        what = f"{ASKED_OF_VLLM} requests of the tiny model on the CPU, {slots} slots"
        yield from compared(what, folder, farm, ("tiny", engine.url, slots), ASKED_OF_VLLM)


def compared(what: str, folder: Path, farm: Farm, engine: tuple[str, str, int], asked: int) -> Iterator[str]:
    """`engine`: variant, URL, slots. Twice each, in turn; the better of each is compared: other load on the machine only ever slows."""
    speeds: dict[str, list[float]] = {"bare": [], "worker": []}
    cpus: list[float] = []
    variant, url, slots = engine
    for turn in range(2):
        task = farms.task(folder, farm, farms.texts(asked), job=f"j{turn}", seed=turn, variant=variant)
        submit.run(task)
        bodies = [dict(one.body) for row in farms.texts(asked) for one in requests.requests(task, row, "p")]
        begin = time.monotonic()
        tokens = asyncio.run(bare(url, bodies, slots * 3 // 2))
        speeds["bare"].append(tokens / (time.monotonic() - begin))
        cpu = time.process_time()
        asyncio.run(work(Post(farm, variant, url), Habits(slots * 3 // 2, stop_when_empty=True)))
        cpus.append(time.process_time() - cpu)
        tallies = [segments.read_tally(task.store, one) for one in segments.names(task.store)]
        took = max(one.ended for one in tallies) - min(one.began for one in tallies)
        speeds["worker"].append(sum(one.completion_tokens for one in tallies) / took)
        assert collect.collect(task).pending == 0
    best = {name: max(found) for name, found in speeds.items()}
    yield (
        f"{what} | | {min(cpus):.1f} s | bare {best['bare']:,.0f} tokens/s, worker {best['worker']:,.0f} tokens/s,"
        f" ratio {best['worker'] / best['bare']:.3f}; {1_000 * min(cpus) / asked:.2f} ms of CPU a request"
    )


def looking(folder: Path, farm: Farm) -> Iterator[str]:
    task = farms.task(folder, farm, farms.texts(2))
    submit.run(task)
    fill(task)
    wall, cpu = spent()
    (one,) = status.jobs(farm)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    files = len(segments.names(task.store)) + len(submit.names(task.store))
    assert one.done.rows == JOB_REQUESTS
    yield f"status of 10 M requests, footers of {files:,} files | {wall:.1f} s | {cpu:.1f} s |"


def fill(task: Task) -> None:
    """As many chunks and segments as 10 M requests have."""
    chunk = Path(task.store.path("requests/000000.parquet")).read_bytes()
    for number in range(1, JOB_REQUESTS // submit.CHUNK_ROWS):
        Path(task.store.path(f"requests/{number:06d}.parquet")).write_bytes(chunk)
    folder = Path(task.store.path("segments"))
    folder.mkdir()
    tally = Tally(SEGMENT_ROWS, SEGMENT_ROWS, began=1.0, ended=2.0)
    empty = pa.table({field.name: pa.array([], field.type) for field in segments.RESULTS})
    pq.write_table(
        empty.replace_schema_metadata({"winnow": orjson.dumps(asdict(tally))}), folder / "w-000000.parquet"
    )
    segment = (folder / "w-000000.parquet").read_bytes()
    for number in range(1, JOB_REQUESTS // SEGMENT_ROWS):
        (folder / f"w-{number:06d}.parquet").write_bytes(segment)


BENCHMARKS = {"submit": submitting, "overhead": overhead, "vllm": real, "status": looking}

if __name__ == "__main__":
    name, *on = sys.argv[1:]
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = Farm(str(root / "farm"))
        if on == ["pulsar"]:
            (root / "pulsar").mkdir()
            broker = Broker(root / "pulsar")
            broker.start()
            stack.callback(broker.kill)
            place = replace(place, pulsar=broker.farm())
        for line in BENCHMARKS[name](root, place):
            print(f"{' '.join([name, *on])}: {line}", flush=True)
