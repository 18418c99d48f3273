"""FOLDER STATE WORLD DIE: train a small model on a feed's packs, from where STATE says to the end of the second epoch.

All ranks of a step are taken here, one after the other, and their gradients summed, as data parallel training does. STATE is
replaced after every step. At step DIE the process kills itself between gradient and save.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from pipeline.feed import Feed, Share
from pipeline.feed.dataset import tensors

STEP, EPOCHS, SEED = 8, 2, 3  # packs of all ranks in a step
WIDTH, HEADS, LAYERS, VOCABULARY, LENGTH = 64, 4, 2, 256, 128


def parameters() -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    shapes = {"words": (VOCABULARY, WIDTH), "places": (LENGTH, WIDTH)}
    for layer in range(LAYERS):
        shapes |= {f"mix{layer}": (WIDTH, 3 * WIDTH), f"out{layer}": (WIDTH, WIDTH)}
        shapes |= {f"up{layer}": (WIDTH, 4 * WIDTH), f"down{layer}": (4 * WIDTH, WIDTH)}
    scale = {"words": 0.02, "places": 0.02}
    return {
        name: (torch.randn(shape, generator=chance) * scale.get(name, shape[0] ** -0.5)).requires_grad_()
        for name, shape in shapes.items()
    }


def logits(model: dict[str, torch.Tensor], batch: dict[str, Any]) -> torch.Tensor:
    """Causal attention within segments, positions as the feed gives them."""
    hidden = model["words"][batch["tokens"]] + model["places"][batch["positions"]]
    segments, length = batch["segments"], batch["tokens"].shape[1]
    may = (segments[:, :, None] == segments[:, None, :]) & torch.ones(length, length, dtype=torch.bool).tril()
    for layer in range(LAYERS):
        normal = functional.rms_norm(hidden, (WIDTH,))
        parts = (normal @ model[f"mix{layer}"]).chunk(3, dim=2)
        query, key, value = (one.unflatten(2, (HEADS, -1)).transpose(1, 2) for one in parts)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=may[:, None])
        hidden = hidden + seen.transpose(1, 2).flatten(2) @ model[f"out{layer}"]
        normal = functional.rms_norm(hidden, (WIDTH,))
        hidden = hidden + functional.gelu(normal @ model[f"up{layer}"]) @ model[f"down{layer}"]
    return functional.rms_norm(hidden, (WIDTH,)) @ model["words"].T


def loss(model: dict[str, torch.Tensor], batch: dict[str, Any]) -> tuple[torch.Tensor, int]:
    """(sum in nats, how many) of the targets."""
    wanted = batch["loss"][:, 1:]
    given, targets = logits(model, batch)[:, :-1][wanted], batch["tokens"][:, 1:][wanted]
    return functional.cross_entropy(given, targets, reduction="sum"), len(targets)


def main(folder: str, state: Path, world: int, die: int) -> None:
    torch.set_num_threads(1)
    model = parameters()
    optimizer = torch.optim.AdamW(model.values(), lr=3e-3, weight_decay=0.0)
    feeds = [
        Feed(folder, STEP // world, seed=SEED, share=Share(rank, world), epochs=EPOCHS)
        for rank in range(world)
    ]
    history: dict[str, Any] = {"places": [], "losses": []}
    if state.exists():
        saved = torch.load(state, weights_only=True)
        history = saved["history"]
        optimizer.load_state_dict(saved["optimizer"])
        with torch.no_grad():
            for name, values in model.items():
                values.copy_(saved["model"][name])
        for feed in feeds:
            feed.load_state_dict(saved["feed"])
    for batches in zip(*feeds, strict=True):
        optimizer.zero_grad()
        sums = [loss(model, tensors(batch)) for batch in batches]
        count = sum(size for _, size in sums)
        total = sum(one for one, _ in sums) / count
        total.backward()
        if len(history["losses"]) == die:
            os.kill(os.getpid(), signal.SIGKILL)
        optimizer.step()
        history["places"].append(sorted(place for batch in batches for place in batch.place.tolist()))
        history["losses"].append(total.item())
        save = {"model": model, "optimizer": optimizer.state_dict(), "history": history}
        torch.save({**save, "feed": feeds[0].state_at(batches[0].consumed)}, f"{state}.part")
        os.replace(f"{state}.part", state)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(torch.load(sys.argv[2], weights_only=True)["history"]))
