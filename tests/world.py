"""A small corpus, tokenizer and recipe for tests of whole runs. Everything is made here, from a seed."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.comparisons.exact import ExactDuplicates
from pipeline.data.objects import store_at
from pipeline.recipe import Input, Output, Recipe, Stage
from pipeline.rules.chinese import ChineseQuality
from pipeline.rules.gopher import GopherQuality
from pipeline.rules.refinedweb import RefinedWebLines
from pipeline.rules.sample import Sample

EN = [
    "the",
    "sea",
    "is",
    "wide",
    "and",
    "that",
    "which",
    "we",
    "have",
    "of",
    "it",
    "to",
    "be",
    "with",
    "is",
    "light",
    "wind",
    "salt",
    "water",
    "stone",
    "ship",
    "sail",
    "harbour",
    "morning",
]
ZH = "海天一色风平浪静船行水上日出东方山高月小水落石出江上清风与山间明月耳得之而为声目遇之而成色取之无禁用之不竭"
END = "<|endoftext|>"


def english(chance: random.Random, words: int) -> str:
    """Sentences of common words, in lines of a few sentences."""
    text, line = [], []
    for index in range(words):
        line.append(chance.choice(EN))
        if index % 11 == 10:
            line[-1] += "."
        if index % 37 == 36:
            text.append(" ".join(line))
            line = []
    return "\n".join([*text, " ".join(line)])


def chinese(chance: random.Random, characters: int) -> str:
    """Lines of Han characters with full stops."""
    return "\n".join(
        "".join(chance.choices(ZH, k=min(29, characters - at))) + "。" for at in range(0, characters, 29)
    )


def documents(seed: int, count: int, language: str) -> list[dict[str, Any]]:
    """Documents of mixed length, a tenth of them copies of earlier ones with other white space, some of them poor."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for index in range(count):
        if rows and chance.random() < 0.1:
            text = "  " + chance.choice(rows)["text"].replace("\n", "\n\n") + " "
        elif language == "en":
            text = english(chance, chance.choice([20, 80, 120, 300, 900])) + chance.choice(
                ["", "", "\n3 likes"]
            )
        else:
            text = chinese(chance, chance.choice([90, 250, 400, 1500]))
        rows.append(
            {
                "text": text,
                "url": f"https://{language}.example/{index}",
                "licence": chance.choice(["mit", "cc0"]),
            }
        )
    return rows


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> Path:
    """A line a row; a text stands as it is, for broken ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def train_tokenizer(path: Path) -> Path:
    """A byte-level BPE of 600 ids over both languages."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    chance = random.Random(1)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([english(chance, 3000), chinese(chance, 9000)], trainer)
    tokenizer.save(str(path))
    return path


def make(folder: Path, files: int = 3, rows: int = 60) -> Path:
    """raw/web (en, JSONL), raw/zh (zh, JSONL with a broken line), raw/books (text), tokenizer.json, below a folder."""
    for number in range(files):
        write_jsonl(folder / f"raw/web/{number}.jsonl", documents(number, rows, "en"))
        write_jsonl(
            folder / f"raw/zh/{number}.jsonl", [*documents(100 + number, rows, "zh"), '{"text": "broken']
        )
    for number in range(5):
        book = folder / f"raw/books/{number}.txt"
        book.parent.mkdir(exist_ok=True)
        book.write_text(english(random.Random(500 + number), 4000), encoding="utf-8")
    train_tokenizer(folder / "tokenizer.json")
    return folder


def recipe(folder: Path, out: str = "out", **output: Any) -> Recipe:
    """One stage of every kind."""
    inputs = [
        Input(source="web", path=f"{folder}/raw/web/*.jsonl", columns={"licence": "string"}),
        Input(source="zh", path=f"{folder}/raw/zh/"),
        Input(source="books", path=f"{folder}/raw/books/"),
    ]
    stages = [
        Stage(RefinedWebLines(), where={"source": ["web", "books"]}),
        Stage(GopherQuality(), where={"source": ["web", "books"]}),
        Stage(ChineseQuality(), where={"source": "zh"}),
        ExactDuplicates(),
        Sample(epochs={"books": 2.5, "zh": 0.5}),
    ]
    fields = {
        "path": f"{folder}/{out}",
        "tokenizer": f"{folder}/tokenizer.json",
        "pack_tokens": 256,
        "pool_tokens": 20_000,
    }
    return Recipe(inputs=inputs, stages=stages, output=Output(**{**fields, **output}))


def with_stage(one: Recipe, name: str, rule: Any) -> Recipe:
    """The recipe, another rule in the place of the stage of that name."""
    return replace(
        one, stages=tuple(replace(stage, rule=rule) if stage.name == name else stage for stage in one.stages)
    )


def listing(folder: str | Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes; the lock aside."""
    store = store_at(str(folder))
    return {name: store.read(name) for name in store.list(".") if not name.endswith(".lock")}


def digests(folder: str | Path) -> dict[str, Any]:
    """What must be equal between runs that should give the same: shards byte for byte, decisions row for row."""
    from pipeline import ledger

    run = ledger.open_run(str(folder))
    rows = [row for piece in run.pieces for row in run.decisions(piece).to_pylist()]
    shards = {shard["path"]: run.store.read(shard["path"]) for shard in run.manifest["shards"]}
    return {"decisions": sorted(rows, key=lambda row: row["id"]), "shards": shards}
