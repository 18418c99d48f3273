"""Drop documents that hold items of benchmarks, so that a model's scores on them mean something."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.files import content, matching
from pipeline.kernels.passages import discount
from pipeline.measures.benchmarks import ANSWERS, CHOICES, QUESTIONS, Fields, name_of
from pipeline.measures.contamination import BenchmarkHits
from pipeline.rules.shapes import first_of

SHOWN = 120  # characters of an item


@dataclass(frozen=True)
class StrayDocuments:
    """How many documents hold an n-gram of a benchmark, but none of its items: (gram, documents), ascending by gram.

    Those with an item nearly whole do not count, so that what was copied a thousand times is no common phrase. At most 8 bytes for each n-gram of
    the benchmark: those of MMLU, 500,000, make 4 MB.
    """

    benchmark: str

    needs = ()
    version = 1
    columns = pa.schema([("gram", pa.int32()), ("documents", pa.int32())])

    def partial(self, seen: pa.RecordBatch) -> pa.Table:
        grams = seen[f"{self.benchmark}_strays"].flatten()
        return self.merge([pa.table([grams, pa.array(np.ones(len(grams), np.int32))], schema=self.columns)])

    def merge(self, tables: list[pa.Table]) -> pa.Table:
        rows = pa.concat_tables([self.columns.empty_table(), *tables])
        grams, place = np.unique(rows["gram"].to_numpy(), return_inverse=True)
        counts = np.bincount(place, rows["documents"].to_numpy(), len(grams)).astype(np.int32)
        return pa.table([grams, counts], schema=self.columns)


class Weighed(NamedTuple):
    """The hits of one benchmark in some documents."""

    document: np.ndarray  # int64[hits]: the row
    coverage: np.ndarray  # float64[hits], common n-grams aside
    limit: np.ndarray  # float64[hits]


@dataclass(frozen=True)
class Contamination:
    """Drop documents in which more than half of a benchmark's question stands, within twice its length.

    Coverage counts letters in runs of some 8 words (12 Han characters) or more, whatever the case, width, punctuation and
    white space: n-grams of 8 and half of the item are those of Tülu 3 (Lambert et al. 2024), where any shared 8-gram drops 94
    rows of GSM8K's own train set. A question of up to `whole_words` must stand whole; from there the limit falls to
    `max_coverage` at `eased_words`, as in decon (Ai2: exact up to 20 of its tokens, eased up to 50). N-grams that more
    than `max_documents` documents hold, those with a whole item aside, count on neither side (after GPT-3, Brown et al. 2020,
    appendix C).
    """

    benchmarks: str | tuple[str, ...] = "benchmarks/*.jsonl"  # files, patterns, folders; beside the recipe
    max_coverage: float = 0.5
    whole_words: float = 13  # an unspaced character is 13/20 of a word
    eased_words: float = 40
    max_documents: int = 10
    question: tuple[str, ...] = QUESTIONS  # fields of a benchmark's records: the first that is there
    answer: tuple[str, ...] = ANSWERS
    choices: tuple[str, ...] = CHOICES

    files = ("benchmarks",)
    version = 1
    reasons = ("contaminated",)

    def __post_init__(self) -> None:
        if not 0 <= self.whole_words < self.eased_words:
            raise ValueError(f"whole_words {self.whole_words} must be below eased_words {self.eased_words}")
        if not BenchmarkHits.least_coverage <= self.max_coverage:
            raise ValueError(
                f"max_coverage {self.max_coverage} is below {BenchmarkHits.least_coverage}, from where on hits are kept"
            )

    @property
    def needs(self) -> tuple[BenchmarkHits, ...]:
        """A measure for each file. ValueError where two files have one name."""
        fields = Fields(self.question, self.answer, self.choices)
        names: dict[str, str] = {}
        for path in matching(self.benchmarks):
            if (other := names.setdefault(name_of(path), path)) != path:
                raise ValueError(
                    f"benchmarks: {path} and {other} would both be {name_of(path)!r}; rename one"
                )
        return tuple(BenchmarkHits(path, name, content(path), fields) for name, path in names.items())

    @property
    def statistics(self) -> tuple[StrayDocuments, ...]:
        return tuple(StrayDocuments(one.name) for one in self.needs)

    def __call__(self, seen: pa.RecordBatch, *strays: pa.Table) -> pa.Array:
        """dictionary<string>[n]. `strays`: what the statistics gave; without them nothing is common."""
        fallen = np.zeros(seen.num_rows, np.bool_)
        for one, table in zip(self.needs, strays or [None] * len(self.needs), strict=True):
            weighed = self.weigh(seen, one, table)
            fallen[weighed.document[self.over(weighed)]] = True
        return first_of(contaminated=pa.array(fallen))

    def over(self, weighed: Weighed) -> np.ndarray:
        """bool[hits]: above the limit; a whole item always is, while the limit is below 1."""
        whole = (weighed.coverage >= 1) & (self.max_coverage < 1)
        return whole | (weighed.coverage > weighed.limit)

    def weigh(self, seen: pa.RecordBatch, one: BenchmarkHits, strays: pa.Table | None) -> Weighed:
        """The hits of one benchmark, each with its limit."""
        lists = seen[f"{one.name}_hits"]
        lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
        document = np.repeat(np.arange(seen.num_rows), lengths)
        hits = lists.flatten()
        passage = hits.field("passage").to_numpy()
        runs = hits.field("runs")
        bounds = np.concatenate([[0], np.cumsum(np.asarray(pc.list_value_length(runs)))]).astype(np.int64)
        flat = runs.flatten()
        letters = np.stack([flat.field("start").to_numpy(), flat.field("stop").to_numpy()], axis=1)
        known = one.benchmark
        left = discount(passage, bounds, letters, known.passages, self.common(strays))
        size = np.diff(known.passages.bounds)[passage]
        coverage = left[:, 0] / np.maximum(left[:, 1], 1)
        return Weighed(document, coverage, self.limits(known.words[passage] * left[:, 1] / size))

    def common(self, strays: pa.Table | None) -> np.ndarray:
        """int32[...]: the n-grams that are common."""
        if strays is None:
            return np.empty(0, np.int32)
        many = pc.greater(strays["documents"], self.max_documents)
        return strays["gram"].filter(many).to_numpy()

    def limits(self, words: np.ndarray) -> np.ndarray:
        """float64[hits]: what may be covered of items of so many words."""
        short = np.clip((self.eased_words - words) / (self.eased_words - self.whole_words), 0, 1)
        return self.max_coverage + (1 - self.max_coverage) * short

    def found(self, seen: pa.RecordBatch, *strays: pa.Table) -> Mapping[str, Any]:
        """For people: of one document each benchmark's hits, beside their limits."""
        tables = strays or [None] * len(self.needs)
        return dict(
            chain.from_iterable(
                self.shown(seen, one, two) for one, two in zip(self.needs, tables, strict=True)
            )
        )

    def shown(
        self, seen: pa.RecordBatch, one: BenchmarkHits, strays: pa.Table | None
    ) -> list[tuple[str, str]]:
        """(benchmark:line, what of it stands where) of each hit, and how many items were hit."""
        weighed, hits = self.weigh(seen, one, strays), seen[f"{one.name}_hits"][0].as_py()
        rows = []
        for hit, coverage, limit in zip(hits, weighed.coverage, weighed.limit, strict=True):
            question = short(one.benchmark.items[hit["line"]].question)
            said = f"coverage {coverage:.2f} (limit {limit:.2f}) of {question!r}"
            where = f"at bytes {hit['start']}–{hit['stop']}: {hit['excerpt']!r}"
            rows.append((f"{one.name}:{hit['line']}", f"{said} {where}"))
        count = seen[f"{one.name}_items"][0].as_py()
        return [*rows, (f"{one.name} items", f"{count:,}")] if rows else []


def short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
