"""How well benchmark items are found, as Markdown for the README: `python -m tests.benchmarks.contamination`.

Plants (tests/plants.py) of the nine benchmarks beside the project and of a Chinese one that the suite makes; hard negatives
are all real corpora (GSM8K's train set, statutes, licences, speeches, poems), pages that quote what everybody quotes, and
tables of numbers. What falls of rephrased items is told
apart: they are the known blind spot of n-grams (methods.md, section 5).
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import zstandard

from pipeline.measures.benchmarks import Benchmark
from pipeline.rules.contamination import Contamination
from tests.plants import KINDS, chinese_benchmark, is_long, opened, planted, quoting, tables

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
PLANTS = 100  # a benchmark and kind; fewer where it has fewer items
REPHRASED = {"contam_rephrased_gsm8k": "rephrased", "contam_rephrased_humaneval": "text"}


@dataclass
class Documents:
    """Texts, and of each what it is: a corpus's name, or the benchmark, kind and line of a plant."""

    texts: list[str] = field(default_factory=list)
    of: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, text: str, *of: object) -> None:
        self.texts.append(text)
        self.of.append(of)  # type: ignore[arg-type]


def rows(path: Path) -> Iterator[dict]:
    with path.open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    yield from map(json.loads, data.decode().strip("\n").split("\n"))


def plant(documents: Documents, known: dict[str, Benchmark], count: int = PLANTS) -> None:
    """Up to `count` items of each benchmark in each way."""
    for name, one in known.items():
        chance = random.Random(f"{name} 1")
        for kind in KINDS:
            for line in chance.sample(sorted(one.items), min(count, len(one.items))):
                documents.add(planted(one.items[line], kind, chance), name, kind, line)


def negatives(documents: Documents, shared: Path) -> None:
    for path in sorted((shared / "corpus").glob("*.zst")):
        for row in rows(path):
            documents.add(row["text"], path.name.split(".")[0], "", 0)


def made_negatives(documents: Documents) -> None:
    """Pages that quote what everybody quotes, and tables of numbers."""
    for name, make in (("quotations", quoting), ("number tables", tables)):
        for text in make(random.Random(4), 1000):
            documents.add(text, name, "", 0)


def rephrased(documents: Documents, shared: Path) -> None:
    for name, text in REPHRASED.items():
        for row in rows(shared / f"dedup/{name}.jsonl.zst"):
            documents.add(row[text], name, "", 0)


def judge(rule: Contamination, texts: list[str]) -> tuple[dict[str, np.ndarray], dict[str, list[set[int]]]]:
    """Of each benchmark: bool[texts], whether its items make a document fall; and the lines of those that do.

    All texts are one corpus: its statistic says which n-grams are common.
    """
    batch = pa.record_batch({"text": pa.array(texts, pa.string())})
    columns = {name: column for one in rule.needs for name, column in one(batch).to_pydict().items()}
    seen = pa.record_batch(
        [pa.array(columns[field.name], field.type) for one in rule.needs for field in one.columns],
        names=[field.name for one in rule.needs for field in one.columns],
    )
    fallen, lines = {}, {}
    for one, statistic in zip(rule.needs, rule.statistics, strict=True):
        weighed = rule.weigh(seen, one, statistic.merge([statistic.partial(seen)]))
        over = rule.over(weighed)
        hit_lines = seen[f"{one.name}_hits"].flatten().field("line").to_numpy()
        fallen[one.name] = np.zeros(len(texts), np.bool_)
        fallen[one.name][weighed.document[over]] = True
        lines[one.name] = [set() for _ in texts]
        for document, line in zip(weighed.document[over].tolist(), hit_lines[over].tolist(), strict=True):
            lines[one.name][document].add(line)
    return fallen, lines


@dataclass(frozen=True)
class Row:
    """One benchmark's figures. `found`, `planted`: by kind of plant and whether the item is long."""

    name: str
    items: int
    found: Counter
    planted: Counter
    negatives: Counter  # that fell, by corpus

    def recall(self, long: bool, kind: str | None = None) -> float | None:
        asked = [key for key in self.planted if key[1] == long and kind in (None, key[0])]
        total = sum(self.planted[key] for key in asked)
        return sum(self.found[key] for key in asked) / total if total else None


def measured(
    folder: Path, shared: Path = SHARED, count: int = PLANTS
) -> tuple[list[Row], dict[str, Counter]]:
    """A row a benchmark; and of each corpus how many documents it has and how many fall."""
    paths = [*sorted(map(str, (shared / "benchmarks").glob("*.zst"))), str(chinese_benchmark(folder))]
    rule = Contamination(tuple(paths))
    known = {one.name: opened(one.path) for one in rule.needs}
    documents = Documents()
    plant(documents, known, count)
    negatives(documents, shared)
    made_negatives(documents)
    rephrased(documents, shared)
    fallen, _ = judge(rule, documents.texts)
    table = {name: Row(name, len(one.items), Counter(), Counter(), Counter()) for name, one in known.items()}
    corpora: dict[str, Counter] = {}
    anything = np.logical_or.reduce(list(fallen.values()))
    for at, (name, kind, line) in enumerate(documents.of):
        if kind:
            key = kind, is_long(known[name].items[line])
            table[name].planted[key] += 1
            table[name].found[key] += int(fallen[name][at])
            continue
        corpora.setdefault(name, Counter()).update(documents=1, fallen=int(anything[at]))
        for one, row in table.items():
            row.negatives[name] += int(fallen[one][at] and name not in REPHRASED)
    return list(table.values()), corpora


def share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def markdown(table: list[Row], corpora: dict[str, Counter]) -> str:
    """For the README."""
    kinds = [f"{kind}" for kind in KINDS]
    lines = [
        "| benchmark | items | precision | recall, 13 words and more | shorter | " + " | ".join(kinds) + " |",
        "|---|---:|---:|---:|---:|" + "---:|" * len(kinds),
    ]
    for row in table:
        found, wrong = sum(row.found.values()), sum(row.negatives.values())
        every = [share(row.recall(True, kind)) for kind in kinds]
        cells = [
            row.name,
            f"{row.items:,}",
            share(found / (found + wrong)),
            share(row.recall(True)),
            share(row.recall(False)),
        ]
        lines.append(f"| {' | '.join([*cells, *every])} |")
    lines += ["", "| documents that nobody planted | | fall |", "|---|---:|---:|"]
    lines += [f"| {name} | {count['documents']:,} | {count['fallen']:,} |" for name, count in corpora.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(markdown(*measured(Path(folder))))
