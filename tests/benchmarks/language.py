"""How well three samples of 2 kB tell the language that the whole text tells, for LOG.md: python -m tests.benchmarks.language.

Over the corpora beside the project: agreement of the label, and the share that `language` with its defaults keeps, both by
corpus or language; on mixed text (half Chinese, half English, lines in turn) and on the first characters of texts; and
the speed of samples against whole texts. One core, CPU seconds.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import zstandard

from pipeline.measures.language import Language
from pipeline.rules.language import KeepLanguages

CORPUS = Path(__file__).resolve().parents[3] / "shared/data/corpus"
WHOLE = Language(max_bytes=1 << 30)
SHORT = (15, 30, 60, 120)  # characters


def texts(name: str) -> Iterator[tuple[str, str]]:
    """(language, text) of each document of a corpus."""
    with zstandard.open(CORPUS / f"{name}.jsonl.zst", "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            yield row["lang"], row["text"]


def documents(rows: list[str]) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(rows, pa.string())})


def agreement(rows: list[str], others: list[str] | None = None) -> str:
    """Labels that are equal, of texts by samples and the same (or other) texts as a whole, and what is kept."""
    found, whole = Language()(documents(rows)), WHOLE(documents(others or rows))
    equal = np.asarray(
        found["language"].to_numpy(zero_copy_only=False) == whole["language"].to_numpy(zero_copy_only=False)
    )
    kept = KeepLanguages()(found).null_count / len(rows)
    return f"{len(rows):,} | {equal.mean():.4f} | {kept:.4f}"


def mixed(first: list[str], second: list[str]) -> list[str]:
    """Documents of lines in turn, about as many characters of each language for a reader: three Latin letters a Han."""
    found = []
    for one, other in zip(first, second, strict=False):
        pieces = (one[at : at + 40] + "\n" + other[3 * at : 3 * at + 120] for at in range(0, 2000, 40))
        found.append("\n".join(pieces))
    return found


def seconds(measure: Language, batch: pa.RecordBatch) -> float:
    begin = time.process_time()
    measure(batch)
    return time.process_time() - begin


def table() -> Iterator[str]:
    by: dict[str, list[str]] = defaultdict(list)
    for path in sorted(CORPUS.glob("*.jsonl.zst")):
        name = path.name.removesuffix(".jsonl.zst")
        for language, text in texts(name):
            by[f"{name} {language}" if name == "tldr_pages" else name].append(text)
    yield "texts | documents | same label | kept"
    for name, rows in by.items():
        yield f"{name} | {agreement(rows)}"
        long = [row for row in rows if len(row.encode()) > Language().max_bytes]
        if 0 < len(long) < len(rows):
            yield f"{name}, over 2 kB | {agreement(long)}"
    chinese, english = by["zh_law"] + by["zh_classical_text"], by["en_acl_papers"] + by["en_movie_reviews"]
    yield f"mixed, law and papers | {agreement(mixed(chinese, english))}"
    for length in SHORT:
        for name, rows in (("zh", chinese), ("en", english), ("udhr2_languages", by["udhr2_languages"])):
            middle = [row[len(row) // 2 :][:length] for row in rows]
            yield f"{name}, {length} characters | {agreement(middle, rows)}"
    everything = documents([row for rows in by.values() for row in rows])
    size = everything.nbytes / 1e6
    samples, whole = seconds(Language(), everything), seconds(WHOLE, everything)
    yield f"samples: {size / samples:.0f} MB/s, whole: {size / whole:.0f} MB/s, {whole / samples:.1f} times as fast"
    long = everything.filter(
        pa.compute.greater(pa.compute.binary_length(everything["text"]), Language().max_bytes)
    )
    yield f"documents over 2 kB alone: {seconds(WHOLE, long) / seconds(Language(), long):.1f} times as fast"


if __name__ == "__main__":
    Language()(documents(["warm"]))
    for line in table():
        print(line, flush=True)
