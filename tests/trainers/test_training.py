"""A small model trained from a feed: killed and resumed on other numbers of ranks it sees the same, once, and learns."""

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.feed import packs
from pipeline.ship.tokenize import load
from tests.environments import ROOT, trainers_python
from tests.ship.made import END, folder, rows, train

LENGTH, WORDS, NEXT = 128, 200, 3


def documents(count: int) -> list[tuple[int, int, list[int]]]:
    """Walks over a graph: after each word one of three comes, so a model that looks back beats one that does not."""
    chance = np.random.default_rng(0)
    follows = chance.integers(2, 2 + WORDS, (2 + WORDS, NEXT))
    found = []
    for number in range(count):
        walk = [int(chance.integers(2, 2 + WORDS))]
        for _ in range(int(chance.integers(10, 300))):
            walk.append(int(follows[walk[-1], chance.integers(NEXT)]))
        found.append((number, 0, walk))
    return found


def trained(shards: Path, state: Path, world: int, die: int = -1) -> dict[str, Any] | None:
    command = [trainers_python(), "-m", "tests.trainers.train", str(shards), str(state), str(world), str(die)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if die >= 0:
        assert done.returncode == -signal.SIGKILL, done.stderr
        return None
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def unigram(shards: Path) -> float:
    """Nats a target by frequencies alone, the best that a model without context can do on this very text."""
    counts = Counter[int]()
    for pack in packs(str(shards)):
        for span in pack.spans:
            counts.update(pack.tokens[span.start + 1 : span.stop].tolist())
    shares = np.array(list(counts.values())) / counts.total()
    return float(-(shares * np.log(shares)).sum())


@pytest.mark.real("trainers' readers")
def test_killed_and_resumed_on_other_numbers_of_ranks_it_sees_every_token_once_and_learns(tmp_path: Path):
    encoder = load(train(tmp_path / "tokenizer.json"), END)
    shards = tmp_path / "packs"
    with np.errstate(over="ignore"):
        made = folder(shards, encoder, [rows(documents(1200)[start::5]) for start in range(5)], LENGTH)
    straight = trained(shards, tmp_path / "straight", world=1)
    trained(shards, tmp_path / "broken", world=1, die=60)
    trained(shards, tmp_path / "broken", world=2, die=200)
    broken = trained(shards, tmp_path / "broken", world=4)
    assert straight
    assert broken
    assert broken["places"] == straight["places"]
    per_epoch = [Counter[tuple[int, int]](), Counter[tuple[int, int]]()]
    for step in broken["places"]:
        for epoch, shard, pack in step:
            if epoch >= 0:
                per_epoch[epoch][shard, pack] += 1
    every = {(number, pack): 1 for number, one in enumerate(made["shards"]) for pack in range(one["packs"])}
    assert per_epoch == [every, every]
    assert len(straight["losses"]) > 300
    assert np.allclose(broken["losses"], straight["losses"], atol=0.05)
    assert np.mean(broken["losses"][-30:]) < unigram(shards) - 1
