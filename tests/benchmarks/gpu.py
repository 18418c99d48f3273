"""What needs a GPU, for LOG.md: `python -m tests.benchmarks.gpu proxies TOKENS.parquet …|engine`, where PyTorch and vLLM are installed.

proxies: speed of proxy runs side by side on one GPU, equal losses whatever runs beside, a kill and the rest afterwards.
engine: vLLM with a model of Qwen3-8B's shape and random weights. Tokens a second through queue and worker ÷ those of a bare
client; then serving's latency at several loads, alone and with a guest at its engine.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from mixtures import propose, proxies
from mixtures.domains import Domain, Domains
from pipeline import forms
from synth import requests, submit
from synth.colocated import Guest, Manners
from synth.engine import Engine
from synth.farm import Farm
from synth.work import Post, work
from synth.worker import Habits
from tests.benchmarks.synth import compared
from tests.synth import farms, vllm_engine

# Proxies: RegMix's "1M" model on bytes, of which 32 runs of 8 M tokens a run
MODEL = {"width": 256, "layers": 2, "heads": 8, "length": 512}
RUNS, TOKENS, SPEED_RUNS, SPEED_TOKENS = 32, "8M", 8, "2M"
BESIDE = (1, 4, 8)


def plan(folder: Path, patterns: Sequence[str], runs: int, tokens: str) -> Path:
    names = sorted(proxies.streams(patterns))
    made = Domains(tuple(Domain(name, 10_000_000, prior=1 / len(names)) for name in names))
    folder.mkdir()
    propose.write(str(folder / "proxies.csv"), made.names, propose.sample(made, runs, 42), 1, 42)
    said = {"mixtures": str(folder / "proxies.csv"), "tokens": list(patterns), "vocabulary": 256, "output": str(folder / "out"),
            "model": MODEL, "training": {"tokens": tokens, "rate": 1e-3}}  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    return folder / "plan.yaml"


def train(path: Path, workers: int, kill_after: int = 0) -> float:
    """Seconds of a process of its own; it is killed when so many runs are done."""
    code = "import sys; from mixtures.proxies import train_all\nfor line in train_all(sys.argv[1], int(sys.argv[2])): print(line, flush=True)"
    begin = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code, str(path), str(workers)], stdout=subprocess.PIPE, text=True, start_new_session=True) as one:  # fmt: skip
        assert one.stdout
        for done, line in enumerate(one.stdout):
            print(f"  {time.monotonic() - begin:5.1f} s  {line}", end="", file=sys.stderr, flush=True)
            if kill_after and done >= kill_after:
                os.killpg(one.pid, signal.SIGKILL)
        assert one.wait() == (-signal.SIGKILL if kill_after else 0)
    return time.monotonic() - begin


def proxy_runs(folder: Path, *patterns: str) -> Iterator[str]:
    found: list[bytes] = []
    for workers in BESIDE:
        path = plan(folder / f"beside-{workers}", patterns, SPEED_RUNS, SPEED_TOKENS)
        seconds = train(path, workers)
        found.append((path.parent / "out/losses.csv").read_bytes())
        tokens = SPEED_RUNS * 2_000_000
        yield f"{SPEED_RUNS} proxies of {SPEED_TOKENS} tokens, {workers} side by side | {seconds:.1f} s, starting included: {tokens / seconds:,.0f} tokens/s"
    yield f"losses equal to the last digit, whatever ran beside | {len(set(found)) == 1}"
    path = plan(folder / "all", patterns, RUNS, TOKENS)
    lost = train(path, BESIDE[-1], kill_after=RUNS // 3)
    kept = {one.name: one.read_bytes() for one in (path.parent / "out/runs").glob("*.json")}
    seconds = train(path, BESIDE[-1])
    same = all((path.parent / "out/runs" / name).read_bytes() == said for name, said in kept.items())
    yield f"{RUNS} proxies of {TOKENS} tokens, {BESIDE[-1]} side by side, killed -9 after {len(kept)} | {lost:.0f} s and then {seconds:.0f} s; what was there is as it was: {same}"
    for name in ("runs.csv", "losses.csv"):
        keep(path.parent / "out" / name)


def keep(path: Path) -> None:
    """A copy of what is worth a later look, where the environment's OUT says."""
    if folder := os.environ.get("OUT"):
        Path(folder, path.name).write_bytes(path.read_bytes())


# The engine

SHAPE = {  # of Qwen3-8B, less its 151,936 words
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 8_000, "hidden_size": 4096, "head_dim": 128,
    "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 8192, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
SLOTS, ASKED, ANSWER = 128, 800, 256
ENGINE = {"dtype": "bfloat16", "load_format": "dummy", "max_num_seqs": SLOTS, "scheduling_policy": "priority",
          "compilation_config": '{"mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY"}'}  # fmt: skip
OFFLINE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",  # a package of its own
}
PROMPT, SAID = 512, 128  # tokens of a request of serving's, and of its answer
RATES = (4.0, 12.0, 20.0)  # requests of serving's a second
GUESTS = (0, 16, 64)  # requests of ours at most
SECONDS, SETTLE = 10.0, 4.0


def shaped(folder: Path, engine: Mapping[str, Any]) -> Farm:
    """A farm of one variant. Its words are visible ones, and none ends an answer."""
    (folder / "variants").mkdir(parents=True)
    (folder / "model").mkdir()
    words = {f"w{number}": number for number in range(SHAPE["vocab_size"] - 1)} | {
        "<unk>": SHAPE["vocab_size"] - 1
    }
    tokenizer = Tokenizer(models.WordLevel(words, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(folder / "model/tokenizer.json"))
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    chat = "{% for one in messages %}{{ one.content }} {% endfor %}"
    (folder / "model/tokenizer_config.json").write_bytes(orjson.dumps({**said, "chat_template": chat}))
    (folder / "model/config.json").write_bytes(orjson.dumps(SHAPE))
    variant = {"model": str(folder / "model"), "family": "Qwen", "kind": "text", "gpus": 1, "gpu_memory_gb": 24, "context": 4096,
               "engine": dict(engine), "sampling": {"max_tokens": ANSWER}, "source": "none: random weights"}  # fmt: skip
    (folder / "variants/shape.yaml").write_text(forms.write(variant), encoding="utf-8")
    return Farm(str(folder / "farm"), variants=str(folder / "variants"))


@dataclass
class Timing:
    """Of one streamed answer, seconds from sending: each of its pieces."""

    pieces: list[float]

    @property
    def first(self) -> float:
        return self.pieces[0]

    @property
    def gaps(self) -> list[float]:
        return np.diff(self.pieces).tolist()


async def stream(engine: Engine, model: str, prompt: str) -> Timing:
    said = [{"role": "user", "content": prompt}]
    body = {"model": model, "messages": said, "max_tokens": SAID, "stream": True, "temperature": 1}
    begin = time.monotonic()
    async with engine.session.post(f"{engine.url}/v1/chat/completions", json=body) as answer:
        assert answer.status == 200, await answer.text()
        pieces = [time.monotonic() - begin async for line in answer.content if says(line)]
    assert len(pieces) > SAID // 2, f"{len(pieces)} pieces of {SAID} tokens"
    return Timing(pieces)


def says(line: bytes) -> bool:
    """Whether an event has some of the answer."""
    return line.startswith(b"data: {") and bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))


async def serve(url: str, model: str, rate: float, seconds: float) -> list[Timing]:
    """Requests that come by chance, the same at every call, none waits for another."""
    chance = np.random.default_rng(int(rate * 10))
    async with Engine(url) as engine, asyncio.TaskGroup() as group:
        asked, begin, at = [], time.monotonic(), 0.0
        while (at := at + chance.exponential(1 / rate)) < seconds:
            await asyncio.sleep(max(0.0, begin + at - time.monotonic()))
            prompt = " ".join(f"w{number}" for number in chance.integers(0, 7_999, PROMPT))
            asked.append(group.create_task(stream(engine, model, prompt)))
    return [one.result() for one in asked]


async def generated(url: str) -> float:
    async with Engine(url) as engine:
        return (await engine.gauges())["vllm:generation_tokens_total"]


def guest(farm: str, url: str, most: int) -> None:
    """A guest until it is killed; no work is lost, it comes again."""
    from synth import farm as known

    manners = Manners(most=most, step=max(2, most // 8))
    asyncio.run(work(Post(known.read(farm), "shape", url), Habits(most), Guest, manners=manners))


def both(url: str, model: str, rate: float, farm: str, most: int) -> str:
    """A line: serving's latency at this rate while up to `most` of ours are at its engine."""

    def measured() -> tuple[list[Timing], float]:
        before, begin = asyncio.run(generated(url)), time.monotonic()
        timings = asyncio.run(serve(url, model, rate, SECONDS))
        more = asyncio.run(generated(url)) - before - len(timings) * SAID
        return timings, more / (time.monotonic() - begin)

    if most:
        with farms.process(guest, farm, url, most):
            time.sleep(SETTLE)
            timings, ours = measured()
        time.sleep(2)
    else:
        timings, ours = measured()
    first = 1e3 * np.quantile([one.first for one in timings], [0.5, 0.99])
    gaps = 1e3 * np.quantile([gap for one in timings for gap in one.gaps], [0.5, 0.99])
    whole = 1e3 * np.quantile([one.pieces[-1] for one in timings], [0.5, 0.99])
    figures = " | ".join(
        f"{low:.0f}, {high:.0f}" if low > 100 else f"{low:.1f}, {high:.1f}"
        for low, high in (first, gaps, whole)
    )
    return f"{rate:g} | {most or '-'} | {len(timings)} | {figures} | {max(ours, 0):,.0f}"


def engine(folder: Path) -> Iterator[str]:
    begin = time.monotonic()
    farm = shaped(folder / "vllm", ENGINE)
    try:
        with vllm_engine.served(farm, "shape", OFFLINE) as one:
            yield f"engine until it answers | {time.monotonic() - begin:.0f} s"
            yield from with_engine(folder, farm, one.url)
    finally:
        for log in (folder / "vllm/farm/logs").iterdir():
            keep(log)


def with_engine(folder: Path, farm: Farm, url: str) -> Iterator[str]:
    what = f"{ASKED} requests of {ANSWER} tokens, {SLOTS} slots"
    yield from compared(what, folder, farm, ("shape", url, SLOTS), ASKED)
    task = farms.task(folder, farm, farms.texts(8_000), job="guests", variant="shape")
    submit.run(task)
    model = requests.read(str(folder / "job.yaml")).variant.model
    asyncio.run(serve(url, model, 4.0, 3))  # what is compiled at the first request
    yield f"serving alone and with a guest, {PROMPT} tokens asked, {SAID} answered"
    yield "requests/s | ours at most | requests | first token, ms: median, 99 % | between tokens | whole answer | our tokens/s"
    for rate in RATES:
        for most in GUESTS:
            yield both(url, model, rate, task.job.farm, most)


if __name__ == "__main__":
    name, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        for line in {"proxies": proxy_runs, "engine": engine}[name](Path(root), *more):
            print(line, flush=True)
