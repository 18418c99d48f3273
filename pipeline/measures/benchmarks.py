"""The questions of a benchmark file, as passages to look for: JSONL, plain, .gz or .zst."""

import gzip
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import zstandard

from pipeline.data.receipts import digest_of
from pipeline.kernels.letters import CODE, WEIGH, Letters, letters
from pipeline.kernels.passages import Passages, index

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
QUESTIONS = ("question", "prompt", "problem", "input")
ANSWERS = ("answer", "target", "solution", "canonical_solution", "gt_answer_details")
CHOICES = ("choices", "options")
SHORTEST = 16  # weight (kernels/letters.py) below which a question alone says nothing: some 4 words
GENERIC = 60  # weight below which a question with many sets of choices says nothing: 13 words
MANY = 3  # two are mostly one question that the benchmark has twice


@dataclass(frozen=True)
class Fields:
    """Which fields of a record hold what: the first that is there counts."""

    question: tuple[str, ...] = QUESTIONS
    answer: tuple[str, ...] = ANSWERS
    choices: tuple[str, ...] = CHOICES

    version = 1


@dataclass(frozen=True)
class Item:
    """One record of a benchmark; `line` counts from 1."""

    line: int
    question: str
    answer: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """Items and what `find` looks for. A passage's words: its spaced tokens, an unspaced character as 13/20 of one."""

    items: Mapping[int, Item]  # by line
    passages: Passages
    words: np.ndarray  # float64[passages]


def name_of(path: str) -> str:
    """gsm8k_test of …/gsm8k_test.jsonl.zst."""
    name = os.path.basename(path)
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), os.path.splitext(name)[0])


@lru_cache(maxsize=64)
def benchmark(path: str, digest: str, fields: Fields) -> Benchmark:
    """What a file holds. ValueError where it is not the one that was planned, and for records without a question."""
    with open(path, "rb") as file:
        data = file.read()
    if digest_of(data) != digest:
        raise ValueError(f"{path}: changed since the run was planned; run again")
    items = list(read(path, data, fields))
    if not items:
        raise ValueError(f"{path}: holds no record; take the file away")
    rows, texts = zip(*passages(items), strict=True)
    spelt = letters(pa.array(texts, pa.string()))
    return Benchmark({item.line: item for item in items}, index(spelt, np.array(rows)), words(spelt))


def read(path: str, data: bytes, fields: Fields) -> Iterator[Item]:
    for line, record in enumerate(unpacked(path, data).split(b"\n"), 1):
        if record.strip():
            try:
                yield item(line, orjson.loads(record), fields)
            except ValueError as error:
                raise ValueError(f"{path}:{line}: {error}") from error


def unpacked(path: str, data: bytes) -> bytes:
    if path.endswith(".gz"):
        return gzip.decompress(data)
    if path.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).readall()
    return data


def item(line: int, record: Any, fields: Fields) -> Item:
    """A record's fields. ValueError where it has no question."""
    if not isinstance(record, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004  # of the file, not of a caller
    question = first(record, fields.question)
    if not isinstance(question, str) or not question.strip():
        known = ", ".join(fields.question)
        raise ValueError(f"has no text in {known}, but {', '.join(record)}; name its field with question:")
    choices = first(record, fields.choices)
    many = [str(one) for one in choices] if isinstance(choices, list) else []
    answer = first(record, fields.answer)
    return Item(line, question, "" if answer is None else str(answer), tuple(many))


def first(record: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value of the first field that is there and not null."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def passages(items: list[Item]) -> Iterator[tuple[int, str]]:
    """(line, text) of all that is looked for, lines ascending; equal passages once.

    A question stands for its item, whatever is answered. One that says nothing alone, because it is short or asked with
    many sets of choices ("Which of the following is true?"), is looked for with its choices after it, bare and
    lettered, or with its answer where it has none.
    """
    spelt = letters(pa.array([one.question for one in items], pa.string()))
    normal = [spelling(spelt, at) for at in range(len(items))]
    weights = np.concatenate([[0], np.cumsum(spelt.letters >> WEIGH, dtype=np.int64)])
    weight = np.diff(weights[spelt.bounds])
    asked = defaultdict(set)
    for one, key in zip(items, normal, strict=True):
        asked[key].add(one.choices)
    done = set[bytes]()
    for one, key, load in zip(items, normal, weight, strict=True):
        generic = load < SHORTEST or (load < GENERIC and len(asked[key]) >= MANY)
        if not generic and key not in done:
            done.add(key)
            yield one.line, one.question
        elif generic:
            yield from ((one.line, text) for text in with_choices(one))


def spelling(spelt: Letters, at: int) -> bytes:
    """The letters of one text, as a key."""
    return (spelt.letters[spelt.bounds[at] : spelt.bounds[at + 1]] & CODE).tobytes()


def with_choices(one: Item) -> Iterator[str]:
    if not one.choices:
        yield f"{one.question} {one.answer}"
        return
    yield " ".join([one.question, *one.choices])
    yield " ".join([one.question, *(f"{chr(65 + at)}. {choice}" for at, choice in enumerate(one.choices))])


def words(spelt: Letters) -> np.ndarray:
    """float64[texts]: spaced tokens, and unspaced characters as 13/20 (the issue's 13 words are its 20 characters)."""
    solo = (spelt.letters[spelt.starts] >> WEIGH) == 3
    sums = np.concatenate([[0.0], np.cumsum(np.where(solo, 0.65, 1.0))])
    return np.diff(sums[spelt.tokens])
