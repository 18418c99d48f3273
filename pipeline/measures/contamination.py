"""Which items of one benchmark stand in a document, how much of each, and where."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.kernels.letters import Letters, byte_spans, letters
from pipeline.kernels.passages import Found, find
from pipeline.kernels.text import buffers
from pipeline.measures.benchmarks import Benchmark, Fields, benchmark

EXCERPT = 160  # characters

RUN = pa.struct([("start", pa.int32()), ("stop", pa.int32())])
HIT = pa.struct(
    [
        ("line", pa.int32()),  # of the benchmark file, from 1
        ("passage", pa.int32()),  # which of the passages made of that line (kernels/passages.py)
        ("coverage", pa.float32()),  # of the passage's letters
        ("start", pa.int32()),  # bytes of the text, from the first matched letter
        ("stop", pa.int32()),
        ("excerpt", pa.string()),  # what stands there
        ("runs", pa.list_(RUN)),  # the letters of the passage that are covered
    ]
)


@dataclass(frozen=True)
class BenchmarkHits:
    """{name}_hits: the eight items of one benchmark that a document covers most; {name}_items: how many it has in all.

    {name}_strays: the benchmark's n-grams that stand in a document which holds no item nearly whole, by number; their
    document frequency says which are common. How items are found: kernels/passages.py; which text stands
    for an item: measures/benchmarks.py. An item is told from `least_coverage` on.
    """

    path: str
    name: str
    digest: str  # of the file as it was when the run was planned
    fields: Fields = field(default_factory=Fields)
    least_coverage: float = 0.2

    reads = ("text",)
    files = ("path",)
    version = 1

    @property
    def columns(self) -> pa.Schema:
        kinds = {"hits": pa.list_(HIT), "items": pa.int32(), "strays": pa.list_(pa.int32())}
        return pa.schema(
            [pa.field(f"{self.name}_{what}", kind, nullable=False) for what, kind in kinds.items()]
        )

    @property
    def benchmark(self) -> Benchmark:
        return benchmark(self.path, self.digest, self.fields)

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        texts = documents["text"]
        spelt = RECENT.letters(texts)
        found = find(spelt, self.benchmark.passages, self.least_coverage)
        strays = pa.ListArray.from_arrays(pa.array(found.strays, pa.int32()), pa.array(found.stray))
        columns = [hits(texts, spelt, found, self.benchmark), pa.array(found.records), strays]
        return pa.RecordBatch.from_arrays(columns, schema=self.columns)


def hits(texts: pa.StringArray, spelt: Letters, found: Found, known: Benchmark) -> pa.ListArray:
    """list<HIT>[texts]."""
    text = np.repeat(np.arange(len(texts)), np.diff(found.hits))
    spans = byte_spans(texts, spelt, text, np.stack([found.start, found.stop], axis=1))
    runs = pa.StructArray.from_arrays(
        [pa.array(found.run[:, 0]), pa.array(found.run[:, 1])], fields=list(RUN)
    )
    size = np.diff(known.passages.bounds)[found.passage]
    rows: dict[str, Any] = {
        "line": known.passages.rows[found.passage],
        "passage": found.passage,
        "coverage": (found.covered / size).astype(np.float32),
        "start": spans[:, 0],
        "stop": spans[:, 1],
        "excerpt": pa.array(excerpts(texts, text, spans), pa.string()),
        "runs": pa.ListArray.from_arrays(pa.array(found.runs, pa.int32()), runs, type=pa.list_(RUN)),
    }
    items = pa.StructArray.from_arrays([pa.array(column) for column in rows.values()], fields=list(HIT))
    return pa.ListArray.from_arrays(pa.array(found.hits, pa.int32()), items, type=pa.list_(HIT))


def excerpts(texts: pa.StringArray, text: np.ndarray, spans: np.ndarray) -> list[str]:
    """The beginning of each span, on one line."""
    offsets, values = buffers(texts)
    starts = offsets[text] + spans[:, 0]
    stops = np.minimum(offsets[text] + spans[:, 1], starts + 4 * EXCERPT)
    raw = (values[start:stop].tobytes() for start, stop in zip(starts, stops, strict=True))
    return [" ".join(one.decode(errors="ignore").split())[:EXCERPT] for one in raw]


class Recent:
    """The letters of the last batch: all benchmarks look at one batch after the other, and it is spelt once for all."""

    def __init__(self) -> None:
        self.texts: pa.StringArray | None = None  # held, so that its memory is nobody else's
        self.spelt: Letters | None = None

    def letters(self, texts: pa.StringArray) -> Letters:
        if self.spelt is None or self.texts is None or place(texts) != place(self.texts):
            self.texts = self.spelt = None  # before the next ones take their room
            self.texts, self.spelt = texts, letters(texts)
        return self.spelt


def place(texts: pa.StringArray) -> tuple[Any, ...]:
    """Where an array lies: equal for one array alone, while it is held."""
    _, offsets, values = texts.buffers()
    return offsets and offsets.address, values and values.address, texts.offset, len(texts)


RECENT = Recent()
