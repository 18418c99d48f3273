"""MB of text per CPU second and core of every measure and of the rule sets whole: `python -m tests.benchmarks.rule_sets`.

Text in Arrow batches of 8 MB → columns → reasons, best of three, on the corpora beside the project, zh and en apart.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

from pipeline.rules.c4 import C4Lines
from pipeline.rules.chinese import ChineseQuality
from pipeline.rules.fineweb import FineWeb2Chinese, FineWebQuality
from pipeline.rules.gopher import GopherQuality, GopherRepetition
from pipeline.rules.map_neo import MapNeoChinese
from tests.golden.stages import MEASURES

CORPUS = Path(__file__).resolve().parents[3] / "shared/data/corpus"
CORPORA = {
    "en": ("docs_permissive", "en_acl_papers", "en_books_classic", "en_movie_reviews", "en_nltk_speeches"),
    "zh": ("zh_classical_text", "zh_law", "zh_poetry"),
}
BATCH = 8 << 20
SETS = {
    "Gopher quality and repetition, C4, FineWeb": (GopherQuality(), GopherRepetition(), C4Lines(), FineWebQuality()),
    "ChineseWebText, MAP-NEO, FineWeb-2": (ChineseQuality(), MapNeoChinese(), FineWeb2Chinese()),
}  # fmt: skip


def batches(language: str) -> list[pa.RecordBatch]:
    found: list[pa.RecordBatch] = []
    texts, size = list[str](), 0
    for name in CORPORA[language]:
        with zstandard.open(CORPUS / f"{name}.jsonl.zst", "rt", encoding="utf-8") as rows:
            for row in map(json.loads, rows):
                if row["lang"] != language:
                    continue
                texts.append(row["text"])
                size += len(row["text"].encode())
                if size > BATCH:
                    found.append(pa.record_batch({"text": texts}))
                    texts, size = [], 0
    return [*found, pa.record_batch({"text": texts})]


def seconds(work: Callable[[pa.RecordBatch], object], given: list[pa.RecordBatch]) -> float:
    """CPU seconds of the best of three, compiled before."""
    work(given[0].slice(0, 2))
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        for batch in given:
            work(batch)
        best = min(best, time.process_time() - begin)
    return best


def judge(rules: tuple[Any, ...], columns: dict[Any, pa.RecordBatch]) -> None:
    """Reasons of several rules, from columns that each of their measures gave once."""
    for rule in rules:
        seen = {name: column for need in rule.needs for name, column in zip(need.columns.names, columns[need].columns, strict=True)}  # fmt: skip
        rule(pa.RecordBatch.from_pydict(seen))


def main() -> None:
    for language in CORPORA:
        given = batches(language)
        size = sum(batch["text"].buffers()[2].size for batch in given) / 1e6
        taken = {}
        for measure in MEASURES:
            taken[measure] = seconds(measure, given)
            print(f"{language} | {type(measure).__name__} | {size / taken[measure]:.0f} MB/s", flush=True)
        for name, rules in SETS.items():
            needs = tuple({need: None for rule in rules for need in rule.needs})
            columns = [{need: need(batch) for need in needs} for batch in given]
            begin = time.process_time()
            for one in columns:
                judge(rules, one)
            judged = time.process_time() - begin
            apart = [need for need in needs if type(need).__name__ == "JiebaWords"]
            whole = judged + sum(taken[need] for need in needs if need not in apart)
            print(f"{language} | {name}, text to reasons, without segmentation | {size / whole:.0f} MB/s")
            if apart:
                print(
                    f"{language} | the same with segmentation | {size / (whole + taken[apart[0]]):.0f} MB/s"
                )


if __name__ == "__main__":
    print("language | what | rate")
    main()
