"""Losses of a small decoder-only language model trained on a mixture: the one file that knows PyTorch.

Parameters are a mapping of tensors and the model a function of them: nothing to subclass. Pre-norm blocks, rotary positions
(Su et al. 2021), causal attention, GELU, tied embeddings. One thread a process: runs go side by side, and a sum over
threads has no fixed order.
"""

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mixtures.proxies import Job, Model

Parameters = dict[str, Any]


def devices() -> list[str]:
    """Where runs can go side by side: every GPU, else every core."""
    gpus = torch.cuda.device_count()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [f"cuda:{place}" for place in range(gpus)] or ["cpu"] * cores


def train(
    kept: Mapping[str, np.ndarray], held: Mapping[str, np.ndarray], job: Job, device: str
) -> dict[str, float]:
    """Mean loss in nats a token on each held-out source, after `training.tokens` tokens of the mixture."""
    torch.set_num_threads(1)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    plan, settings = job.plan, job.plan.training
    parameters = initial(plan.model, plan.vocabulary, plan.seed, device)
    decayed = [one for one in parameters.values() if one.ndim == 2]
    plain = [one for one in parameters.values() if one.ndim == 1]
    groups = [{"params": decayed, "weight_decay": settings.decay}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.95))
    steps = max(1, settings.tokens // (settings.batch * plan.model.length))
    for step, batch in enumerate(batches(kept, job, steps)):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1.0, (step + 1) / (settings.warmup + 1))
        optimizer.zero_grad(set_to_none=True)
        loss(parameters, torch.from_numpy(batch).to(device), plan.model).backward()
        torch.nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
        optimizer.step()
    return {
        name: measure(parameters, tokens, plan.model, settings.batch, device) for name, tokens in held.items()
    }


def batches(kept: Mapping[str, np.ndarray], job: Job, steps: int) -> Iterator[np.ndarray]:
    """int64[batch, length + 1]: each sequence from a source drawn by its share, at a place drawn evenly.

    Chance depends on (seed, run) alone: on all bytes of the run's name, as one number.
    """
    chance = np.random.default_rng([job.plan.seed, int.from_bytes(job.run.encode(), "big")])
    names, size = list(kept), job.plan.model.length + 1
    shares = np.array([job.shares[name] for name in names])
    for _ in range(steps):
        sources = chance.choice(len(names), job.plan.training.batch, p=shares / shares.sum())
        rows = []
        for source in sources:
            tokens = kept[names[source]]
            start = int(chance.integers(0, len(tokens) - size + 1))
            rows.append(tokens[start : start + size])
        yield np.stack(rows).astype(np.int64)


def initial(model: Model, vocabulary: int, seed: int, device: str) -> Parameters:
    """Normal weights of standard deviation 0.02, those that end a block divided by √(2 × layers) (GPT-2)."""
    chance = torch.Generator().manual_seed(seed)
    width = model.width

    def normal(rows: int, columns: int, scale: float = 0.02) -> Any:
        return (torch.randn(rows, columns, generator=chance) * scale).to(device).requires_grad_()

    end = 0.02 / math.sqrt(2 * model.layers)
    found = {"tokens": normal(vocabulary, width), "norm": torch.ones(width, device=device).requires_grad_()}
    for layer in range(model.layers):
        found[f"{layer}.norm"] = torch.ones(width, device=device).requires_grad_()
        found[f"{layer}.look"] = normal(3 * width, width)
        found[f"{layer}.tell"] = normal(width, width, end)
        found[f"{layer}.norm2"] = torch.ones(width, device=device).requires_grad_()
        found[f"{layer}.up"] = normal(4 * width, width)
        found[f"{layer}.down"] = normal(width, 4 * width, end)
    return found


def loss(parameters: Parameters, batch: Any, model: Model) -> Any:
    """Mean cross entropy of each next token of int64[sequences, length + 1]."""
    logits = predict(parameters, batch[:, :-1], model)
    return functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def predict(parameters: Parameters, tokens: Any, model: Model) -> Any:
    """float32[sequences, length, vocabulary] of int64[sequences, length]."""
    shape = (tokens.shape[0], tokens.shape[1], model.heads, model.width // model.heads)
    turn = rotation(shape[1], shape[3], tokens.device)
    x = functional.embedding(tokens, parameters["tokens"])
    for layer in range(model.layers):
        looked = functional.linear(norm(x, parameters[f"{layer}.norm"]), parameters[f"{layer}.look"])
        query, key, value = (one.view(shape).transpose(1, 2) for one in looked.chunk(3, dim=-1))
        seen = functional.scaled_dot_product_attention(
            turned(query, turn), turned(key, turn), value, is_causal=True
        )
        x = x + functional.linear(seen.transpose(1, 2).flatten(2), parameters[f"{layer}.tell"])
        wide = functional.linear(norm(x, parameters[f"{layer}.norm2"]), parameters[f"{layer}.up"])
        x = x + functional.linear(functional.gelu(wide), parameters[f"{layer}.down"])
    return functional.linear(norm(x, parameters["norm"]), parameters["tokens"])


def norm(x: Any, scale: Any) -> Any:
    return functional.rms_norm(x, (x.shape[-1],), scale, 1e-6)


def rotation(length: int, size: int, device: Any) -> tuple[Any, Any]:
    """Cosines and sines, float32[length, size / 2]."""
    speeds = 10_000.0 ** (-torch.arange(0, size, 2, device=device) / size)
    angles = torch.arange(length, device=device)[:, None] * speeds
    return angles.cos(), angles.sin()


def turned(x: Any, turn: tuple[Any, Any]) -> Any:
    left, right = x.chunk(2, dim=-1)
    cosines, sines = turn
    return torch.cat([left * cosines - right * sines, left * sines + right * cosines], dim=-1)


@torch.no_grad()
def measure(parameters: Parameters, tokens: np.ndarray, model: Model, batch: int, device: str) -> float:
    """Mean loss over windows that lie side by side, a batch at a time: no more memory than training takes."""
    count = (len(tokens) - 1) // model.length
    begin = np.arange(count)[:, None] * model.length + np.arange(model.length + 1)
    windows = torch.from_numpy(tokens[begin].astype(np.int64))
    parts = [loss(parameters, some.to(device), model).item() * len(some) for some in windows.split(batch)]
    return float(sum(parts) / count)
