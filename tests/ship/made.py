"""A tokenizer, tokens of documents, and a folder of shards, made on the spot."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.data import schemas
from pipeline.data.store import LocalStore
from pipeline.ship import manifest, packs, shards
from pipeline.ship.tokenize import Tokenizer

END, PAD = "<|endoftext|>", "<|pad|>"
EN = (
    "the",
    "sea",
    "is",
    "wide",
    "and",
    "light",
    "wind",
    "salt",
    "water",
    "stone",
    "ship",
    "harbour",
    "morning",
    "river",
)
ZH = "海天一色风平浪静船行水上日出东方山高月小水落石出江上清风与山间明月耳得之而为声"


def english(chance: random.Random, sentences: int) -> str:
    return " ".join(
        " ".join(chance.choices(EN, k=chance.randrange(3, 9))).capitalize() + "." for _ in range(sentences)
    )


def chinese(chance: random.Random, sentences: int) -> str:
    return "".join("".join(chance.choices(ZH, k=chance.randrange(4, 14))) + "。" for _ in range(sentences))


def train(path: Path) -> str:
    """A tokenizer.json over both languages: byte-level BPE of 1,500 ids."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    chance = random.Random(1)
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    texts = [f"{write(chance, 5)}\n\n" for _ in range(300) for write in (english, chinese)]
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=1500, special_tokens=[END, PAD], initial_alphabet=alphabet, show_progress=False
        ),
    )
    made.save(str(path))
    return str(path)


def rows(documents: Iterable[tuple[int, int, list[int]]], dtype: pa.DataType | None = None) -> pa.Table:
    """What a pool holds, from (number of the document, copy, tokens); odd documents are of source "b", even ones of "a"."""
    listed = list(documents)
    schema = schemas.tokens(dtype or pa.uint16()).insert(2, pa.field("copy", pa.int32()))
    columns = [
        [number.to_bytes(16, "big") for number, _, _ in listed],
        ["ab"[number % 2] for number, _, _ in listed],
        [copy for _, copy, _ in listed],
        [tokens for _, _, tokens in listed],
    ]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def folder(path: Path, encoder: Tokenizer, pools: Iterable[pa.Table], length: int = 32) -> dict[str, Any]:
    """Shards, their table and their manifest, in a folder; the manifest."""
    store = LocalStore(str(path))
    (path / "shards").mkdir(parents=True)
    listed = []
    for number, pool in enumerate(pools):
        with np.errstate(over="ignore"):  # see conftest.py
            table, facts = packs.pack(pool, length, encoder.token_id(PAD), 0, encoder.ends)
        name = f"shards/{number:05d}.parquet"
        shards.write(table, store.path(name))
        listed.append(
            {"path": name, "bytes": store.size(name), "sha256": shards.sha256(store.path(name)), **facts}
        )
    facts = manifest.token_facts(encoder, PAD, length)
    built = manifest.build("key", "inputs: []", facts, listed, {"plan": "plans/1.json"})
    manifest.write(store, built, listed)
    return built
