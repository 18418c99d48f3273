"""MB of text per CPU second and core of every measure: `python -m tests.benchmarks.rule_sets`. The sets whole: `make bench`.

The corpora beside the project in Arrow batches of 8 MB, zh and en apart, best of three.
"""

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pipeline.measures.jieba import JiebaWords
from pipeline.rules.c4 import C4Lines
from pipeline.rules.chinese import ChineseQuality
from pipeline.rules.fineweb import FineWeb2Chinese, FineWebQuality
from pipeline.rules.gopher import GopherQuality, GopherRepetition
from pipeline.rules.map_neo import MapNeoChinese
from tests.benchmarks import inputs

SETS: dict[str, tuple[Any, ...]] = {
    "en": (GopherQuality(), GopherRepetition(), C4Lines(), FineWebQuality()),
    "zh": (ChineseQuality(), MapNeoChinese(), FineWeb2Chinese()),
}
Columns = dict[Any, pa.RecordBatch]  # by measure


def columns_of(rules: tuple[Any, ...], batch: pa.RecordBatch) -> tuple[Columns, float]:
    """What the rules need, each measure once; and the CPU seconds that word segmentation took of it."""
    columns, segmented = Columns(), 0.0
    for need in {need: None for rule in rules for need in rule.needs}:
        begin = time.process_time()
        columns[need] = need(batch)
        segmented += time.process_time() - begin if isinstance(need, JiebaWords) else 0
    return columns, segmented


def judge(rules: tuple[Any, ...], columns: Columns) -> list[pa.Array]:
    """The reasons that each rule gives."""
    found = []
    for rule in rules:
        seen = {name: column for need in rule.needs for name, column in zip(need.columns.names, columns[need].columns, strict=True)}  # fmt: skip
        found.append(rule(pa.RecordBatch.from_pydict(seen)))
    return found


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


def main() -> None:
    from tests.golden.stages import MEASURES

    for language in SETS:
        one = inputs.copies(language, 1, "arrow")
        given = pa.ipc.open_file(one.files[0]).read_all().to_batches()
        for measure in MEASURES:
            rate = one.bytes / 1e6 / seconds(measure, given)
            print(f"{language} | {type(measure).__name__} | {rate:.0f} MB/s", flush=True)


if __name__ == "__main__":
    print("language | what | rate")
    main()
