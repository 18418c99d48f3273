"""How long a report and a difference take: `python -m tests.benchmarks.report [SOURCES] [DOCUMENTS]`, by default 1,000 and 10 million.

The runs' columns are made, not measured: random numbers of each measure's own types, below a plan that is real; the second run has
the same documents and other numbers. What is timed is the whole command, and its largest memory.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.comparisons.near import NEAR, NearDuplicates
from pipeline.data import receipts, schemas, tables
from pipeline.data.ids import file_digest, make_ids
from pipeline.measures.signature import Signature
from pipeline.recipe import Input, Output, Recipe, Stage, dumps
from pipeline.rules.chinese import ChineseQuality
from pipeline.rules.fineweb import FineWebQuality
from pipeline.rules.gopher import GopherQuality, GopherRepetition
from pipeline.rules.language import KeepLanguages
from pipeline.rules.refinedweb import RefinedWebLines
from pipeline.run.driver import MANIFEST, Job, prepare, run_facts
from pipeline.run.folder import LOCK
from pipeline.ship import manifest as manifests
from pipeline.steps.decide import alone, counts, decisions_of
from pipeline.steps.ingest import receipt_of
from pipeline.steps.judge import judge_piece, marks_of
from pipeline.steps.measure import columns_of, wanted
from pipeline.steps.work import PIECE_ROWS, Corpus, Piece, Split
from tests import world

BLOCK = PIECE_ROWS
STAGES = [
    KeepLanguages(),
    RefinedWebLines(),
    GopherQuality(),
    GopherRepetition(),
    FineWebQuality(),
    Stage(ChineseQuality(), where={"language": "zh"}),
    NearDuplicates(),
]


class Made:
    """A finished run of random columns; documents are those of any other of this size, the rest goes by `seed`."""

    def __init__(self, folder: Path, sources: int, documents: int, seed: int = 0) -> None:
        self.folder, self.chance, self.texts = folder, np.random.default_rng(seed), np.random.default_rng(0)
        names = [f"source-{number:04}" for number in range(sources)]
        weights = 1 / np.arange(1, sources + 1)
        self.sizes = dict(zip(names, np.maximum(1, weights / weights.sum() * documents).astype(int).tolist(), strict=True))  # fmt: skip
        for name in names:
            world.write_jsonl(folder / f"raw/{name}.jsonl", [{"text": name}])
        world.train_tokenizer(folder / "tokenizer.json")
        inputs = [Input(source=name, path=f"{folder}/raw/{name}.jsonl") for name in names]
        output = Output(path=f"{folder}/out", tokenizer=f"{folder}/tokenizer.json")
        self.job: Job = prepare(Recipe(inputs=inputs, stages=STAGES, output=output), settings())
        self.blocks: dict[str, pa.Table] = {}

    def write(self) -> None:
        planned, work = self.job.plan(), self.job.work
        (self.folder / "out").mkdir()
        (self.folder / f"out/{LOCK}").touch()
        self.put(planned.name, planned.dumps().encode())
        pieces = [piece for split in planned.splits for piece in self.ingested(split)]
        corpus = Corpus.of(pieces)
        [comparison] = work.placed.comparisons
        files = {}
        for piece in pieces:
            for placed in wanted(work.placed):
                if not isinstance(placed.measure, Signature):  # the report reads none of them
                    self.table(f"{columns_of(placed, piece.name)}.parquet", self.rows(placed.key, placed.measure.columns, piece.rows))  # fmt: skip
            name = f"{marks_of(comparison, corpus)}/{piece.name}.parquet"
            self.table(name, self.marks(piece))
            files[name] = ""
        self.receipt(marks_of(comparison, corpus), {}, files)
        for piece in pieces:
            self.decided(piece, corpus)
        self.manifest(planned, corpus)

    def ingested(self, split: Split) -> Iterator[Piece]:
        """The pieces of one source, with texts of a line."""
        left, made = self.sizes[split.input], []
        while left:
            rows = min(left, PIECE_ROWS)
            start = self.sizes[split.input] - left
            ids = make_ids(file_digest(split.input, split.extents[0].relative), np.arange(start, start + rows) * 100)  # fmt: skip
            piece = Piece(f"{split.input}-{start}", split.input, rows, rows * 60, (start, hash(split.input) % 999), ids[0].as_py().hex(), ids[-1].as_py().hex())  # fmt: skip
            table = self.rows("documents", schemas.DOCUMENTS, rows)
            source = pa.array([split.input] * rows)
            table = table.set_column(0, "id", ids).set_column(1, "source", source)
            self.table(piece.documents, table)
            made.append(piece)
            left -= rows
        extents = [{"records": self.sizes[split.input], "passed_over": {}, "print": split.prints[0]}]
        facts = {"pieces": [asdict(piece) for piece in made], "quarantine": [], "extents": extents}
        self.receipt(receipt_of(split), facts, {})
        yield from made

    def rows(self, key: str, schema: pa.Schema, count: int) -> pa.Table:
        """So many random rows: a stretch of a block that is made once."""
        chance = self.texts if key == "documents" else self.chance
        if key not in self.blocks:
            self.blocks[key] = pa.table([self.column(field, chance) for field in schema], schema=schema)
        start = int(chance.integers(0, BLOCK - count + 1))
        return self.blocks[key].slice(start, count)

    def column(self, field: pa.Field, chance: np.random.Generator) -> pa.Array:  # noqa: PLR0911  # one type a line
        kind = field.type
        if pa.types.is_integer(kind):
            scale = 800 if "words" in field.name or "characters" in field.name else 20
            return pa.array(chance.gamma(0.7, scale, BLOCK).astype(np.int64)).cast(kind)
        if pa.types.is_floating(kind):
            return pa.array(chance.beta(4, 1, BLOCK)).cast(kind)
        if pa.types.is_boolean(kind):
            return pa.array(np.zeros(BLOCK, np.bool_))
        if pa.types.is_string(kind):
            words = ["zh", "en", "fr", "de"] if "language" in field.name else [f"the sea {number} is wide 海天" for number in range(999)]  # fmt: skip
            return pa.array(words).take(pa.array(chance.integers(0, len(words), BLOCK)))
        if pa.types.is_timestamp(kind):
            return pa.array(chance.integers(946_684_800, 1_735_689_600, BLOCK) * 1_000_000).cast(pa.int64()).cast(kind)  # fmt: skip
        if pa.types.is_fixed_size_binary(kind):
            data = chance.bytes(BLOCK * kind.byte_width)
            return pa.Array.from_buffers(kind, BLOCK, [None, pa.py_buffer(data)])
        if field.nullable:
            return pa.nulls(BLOCK, kind)
        return pa.ListArray.from_arrays(pa.array(np.zeros(BLOCK + 1, np.int32)), pa.nulls(0, kind.value_type), type=kind)  # fmt: skip

    def marks(self, piece: Piece) -> pa.Table:
        """A thirtieth of the documents fell for the first of their piece."""
        ids = pq.read_table(self.folder / "out" / piece.documents, columns=["id"])["id"].combine_chunks()
        fell = ids.take(pa.array(np.flatnonzero(self.chance.random(piece.rows) < 1 / 30)))
        similar = pa.array(self.chance.uniform(0.8, 1, len(fell)).astype(np.float32))
        size = pa.array(np.full(len(fell), len(fell) + 1, np.int32))
        columns = [fell, pa.array([NEAR] * len(fell), pa.string()), ids.take(pa.array(np.zeros(len(fell), int))), similar, size]  # fmt: skip
        return pa.table(columns, schema=schemas.MARKS)

    def decided(self, piece: Piece, corpus: Corpus) -> None:
        view, verdicts = judge_piece(self.job.work, piece, corpus, self.job.work.placed.stages)
        names = pa.array([stage.name for stage in self.job.work.placed.stages], pa.string())
        alive = verdicts.alive
        characters = self.chance.gamma(0.8, 3000, piece.rows).astype(np.int64) + 1
        zero = pa.array(np.zeros(piece.rows, np.int64))
        stage = names.take(pa.array(np.where(alive, 0, verdicts.stage), mask=alive))
        tokens = pa.array((characters // 4).astype(np.int32), mask=~alive)
        columns = [view.documents["id"], stage, verdicts.reason, pa.array(alive.astype(np.int32)), pa.array(characters), zero, zero, tokens]  # fmt: skip
        table = pa.RecordBatch.from_arrays(columns, schema=schemas.DECISIONS)
        of = decisions_of(self.job.work, piece, corpus)
        self.table(f"{of}.parquet", pa.Table.from_batches([table]))
        self.receipt(of, {"counts": counts(view, table), "alone": alone(verdicts, table), "tokens": 0}, {})
        self.shipped = getattr(self, "shipped", 0) + int(alive.sum())

    def manifest(self, planned: object, corpus: Corpus) -> None:
        """One shard of spans for every million documents; its tokens are left out."""
        shards = []
        for number in range(-(-self.shipped // 1_000_000)):
            stop = np.cumsum(self.chance.integers(1, 2000, 1_000_000)).astype(np.int64)
            start = np.append(0, stop[:-1])
            span = pa.StructArray.from_arrays([pa.array(start.astype(np.int32)), pa.array(stop.astype(np.int32))], ["start", "stop"])  # fmt: skip
            lists = pa.ListArray.from_arrays(pa.array(np.arange(0, 1_000_001, 4, dtype=np.int32)), span)
            path = f"shards/{number:05}-{'0' * 16}.parquet"
            self.table(path, pa.table({"spans": lists}))
            facts = dict.fromkeys(manifests.SUMMED, 250_000) | {"tokens_by_source": self.sizes, "path": path, "sha256": ""}  # fmt: skip
            shards.append(facts)
        tokens = {"tokenizer": "made", "vocabulary": 600, "dtype": "uint16"}
        run = run_facts(self.job, planned, corpus, 1)  # type: ignore[arg-type]
        built = manifests.build("made", dumps(self.job.recipe), tokens, shards, run)
        self.put(MANIFEST, orjson.dumps(built))

    def table(self, name: str, table: pa.Table) -> None:
        path = self.folder / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, table.schema, **tables.options(table.schema)) as writer:
            writer.write_table(table, row_group_size=tables.BATCH_ROWS)

    def receipt(self, of: str, facts: dict, files: dict) -> None:
        self.put(receipts.receipt_name(of), orjson.dumps({"of": of, "facts": facts, "files": files}))

    def put(self, name: str, data: bytes) -> None:
        path = self.folder / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def settings():
    from pipeline.run.driver import Settings

    return Settings()


def main(sources: int, documents: int, folder: Path) -> None:
    for seed, place in enumerate((folder / "one", folder / "two")):
        if not (place / "out").exists():
            begin = time.monotonic()
            place.mkdir(parents=True, exist_ok=True)
            Made(place, sources, documents, seed).write()
            print(f"made in {time.monotonic() - begin:.0f} s", flush=True)
    one, two = (f"{folder}/{name}/out" for name in ("one", "two"))
    what = f"{sources:,} sources, {documents:,} documents"
    timed(f"report, {what}", ["report", one], Path(f"{one}.html"))
    timed(f"diff, {what}", ["diff", one, two, "-o", f"{folder}/diff.html"], folder / "diff.html")


def timed(what: str, arguments: list[str], page: Path) -> None:
    """A command of its own, and what its process took; 1 is how a difference ends."""
    code = "import resource, sys; from pipeline.cli import main\ntry: main()\nfinally: print('MEMORY', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"  # fmt: skip
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), done.stderr
    memory = int(done.stderr.rpartition("MEMORY")[2]) / 1024
    print(f"{what} | {time.monotonic() - begin:.1f} s wall | {sum(after[:2]) - sum(before[:2]):.1f} s CPU | {memory:,.0f} MiB | "
          f"{os.stat(page).st_size / 1e6:.2f} MB page", flush=True)  # fmt: skip


if __name__ == "__main__":
    given = [int(one.replace("_", "")) for one in sys.argv[1:3]]
    random.seed(0)
    with tempfile.TemporaryDirectory() as made:
        main(*(given + [1_000, 10_000_000][len(given) :]), Path(sys.argv[3] if len(sys.argv) > 3 else made))
