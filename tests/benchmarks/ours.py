"""Our side of every work, a whole process each: `python -m tests.benchmarks.ours JOB.json`, its facts as one line of JSON.

A job names the work, the language, the input files, an empty folder, and what `works.py` adds. `apart`: CPU seconds of a
part that is not of the work.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tests.benchmarks.inputs import END_TOKEN

Job = dict[str, Any]
Facts = dict[str, Any]


def reading(job: Job) -> Iterator[Any]:
    """The documents of all files, batch by batch, as a run reads them."""
    from pipeline.readers import Extent, Reading, read
    from pipeline.steps.ingest import open_file

    for path in job["files"]:
        reading = Reading("web", "web", job["form"])
        for one in read(Extent(path, os.path.basename(path)), reading, open_file):
            yield one.documents


def read(job: Job) -> Facts:
    """Files → Arrow batches in memory, with digest and `extra`; nothing is written."""
    documents = size = extra = 0
    for batch in reading(job):
        documents += batch.num_rows
        size += pc.sum(pc.binary_length(batch["text"])).as_py()
        extra += batch.num_rows - batch["extra"].null_count
        assert not batch["digest"].null_count
    return {"documents": documents, "bytes": size, "extra": extra}


def batches(job: Job) -> Iterator[pa.RecordBatch]:
    """The texts, mapped from disk."""
    for path in job["files"]:
        with pa.memory_map(path) as file:
            reader = pa.ipc.open_file(file)
            yield from (reader.get_batch(index) for index in range(reader.num_record_batches))


def rules(job: Job) -> Facts:
    """Text → columns → reasons, every stage on every document; word segmentation is told apart."""
    from tests.benchmarks.rule_sets import SETS, columns_of, judge

    chosen, kept, documents, apart = SETS[job["language"]], 0, 0, 0.0
    for batch in batches(job):
        columns, segmented = columns_of(chosen, batch)
        reasons = judge(chosen, columns)
        kept += sum(
            all(row) for row in zip(*(reason.is_null().to_pylist() for reason in reasons), strict=True)
        )
        documents, apart = documents + batch.num_rows, apart + segmented
    return {"documents": documents, "kept": kept, "apart": apart}


def segment(job: Job) -> Facts:
    """Chinese words, as counts."""
    from pipeline.measures.jieba import JiebaWords

    measure, documents = JiebaWords(), 0
    for batch in batches(job):
        documents += measure(batch).num_rows
    return {"documents": documents}


def language(job: Job) -> Facts:
    from pipeline.measures.language import Language

    measure, labels = Language(), list[str]()
    for batch in batches(job):
        labels += measure(batch)["language"].to_pylist()
    Path(job["folder"], "labels.json").write_text(json.dumps(labels))
    return {"documents": len(labels)}


def signatures(job: Job) -> Facts:
    from pipeline.measures.signature import Signature

    measure, documents, digest = Signature(), 0, blake2b()
    for batch in batches(job):
        columns = measure(batch)
        documents += columns.num_rows
        digest.update(columns["signature"].buffers()[1])
    return {"documents": documents, "digest": digest.hexdigest()}


def near(job: Job) -> Facts:
    """Files → documents → marks, every pair verified; the steps of a run, without Beam and without what comes after."""
    from pipeline.data import receipts
    from pipeline.recipe import parse
    from pipeline.run.driver import Settings, begin, prepare
    from pipeline.run.folder import locked
    from pipeline.steps.ingest import ingest
    from pipeline.steps.judge import marks_of
    from pipeline.steps.work import Corpus
    from tests.plain import run_comparison

    made = prepare(parse(recipe(job, ["near_duplicates"])), Settings())
    with locked(made.work.store):
        planned = made.plan()
        begin(made, planned)
        pieces = [piece for split in planned.splits for piece in ingest(split, made.work)]
        corpus, [stage] = Corpus.of(pieces), made.work.placed.stages
        run_comparison(made.work, stage, pieces, corpus)
        counts = receipts.get(made.work.store, marks_of(stage, corpus)).facts
    return {"documents": corpus.rows, "removed": counts["removed"], "verified": counts["verified"]}


def contamination(job: Job) -> Facts:
    """Text → hits, document frequencies, reasons, against every benchmark."""
    from pipeline.rules.contamination import Contamination

    rule, seen = Contamination(tuple(job["benchmarks"])), list[pa.RecordBatch]()
    for batch in batches(job):
        columns = [column for need in rule.needs for column in need(batch).columns]
        seen.append(pa.RecordBatch.from_arrays(columns, names=[name for need in rule.needs for name in need.columns.names]))  # fmt: skip
    tables = [one.merge([one.partial(batch) for batch in seen]) for one in rule.statistics]
    reasons = [rule(batch, *tables) for batch in seen]
    dropped = sum(len(one) - one.null_count for one in reasons)
    return {"documents": sum(map(len, reasons)), "dropped": dropped, "benchmarks": len(rule.needs)}


def tokenize(job: Job) -> Facts:
    from pipeline.ship.tokenize import load

    encoder, documents, tokens, digest = load(job["tokenizer"], END_TOKEN), 0, 0, blake2b()
    for batch in batches(job):
        lists = encoder.encode(batch["text"])
        documents, tokens = documents + len(lists), tokens + len(lists.values)
        digest.update(lists.values.buffers()[1])
    return {"documents": documents, "tokens": tokens, "digest": digest.hexdigest(), "engine": encoder.engine}


def pack(job: Job) -> Facts:
    """Lengths → packs of 4,096: `documents` of them, as the web has them (Pareto)."""
    from pipeline.kernels import bestfit

    chance, count = np.random.default_rng(0), job["documents"]
    lengths = np.minimum(4096, chance.pareto(1.1, count) * 150 + 20).astype(np.int32)
    order = bestfit.order(lengths, chance.integers(0, 2**63, count))
    packs = int(bestfit.best_fit(lengths[order], np.arange(count), 4096).max()) + 1
    return {"documents": count, "packs": packs, "least": -(-int(lengths.sum()) // 4096)}


def exact(job: Job) -> Facts:
    """`winnow run`: read → exact duplicates → tokenise → pack, to a manifest."""
    return winnow(job, recipe(job, ["exact_duplicates"]))


def bench(job: Job) -> Facts:
    """`winnow run bench.yaml`."""
    folder = Path(job["folder"])
    (folder / "raw").mkdir()
    (folder / "benchmarks").mkdir()
    for path in job["files"]:
        os.link(path, folder / "raw" / os.path.basename(path))
    for path in job["benchmarks"]:
        shutil.copy(path, folder / "benchmarks")
    os.link(job["tokenizer"], folder / "tokenizer.json")
    return winnow(job, Path(__file__).with_name("bench.yaml").read_text(encoding="utf-8"))


def bare(job: Job) -> Facts:
    """As `exact`, without Beam, files or receipts: one loop over batches in memory, pools as in the run."""
    from pipeline.measures.text_key import TextKey
    from pipeline.ship.packs import pack
    from pipeline.ship.tokenize import load

    encoder, key, seen, rows, held = (
        load(job["tokenizer"], END_TOKEN),
        TextKey(),
        set[bytes](),
        list[pa.Table](),
        0,
    )
    facts = {"documents": 0, "kept": 0, "tokens": 0}
    for batch in reading(job):
        keys = key(batch).column(0).to_pylist()
        fresh = [one not in seen and not seen.add(one) for one in keys]
        kept = batch.filter(pa.array(fresh))
        tokens = encoder.encode(kept["text"])
        copy = pa.array(np.zeros(len(tokens), np.int32))
        rows.append(
            pa.table([kept["id"], kept["source"], copy, tokens], names=["id", "source", "copy", "tokens"])
        )
        facts = {"documents": facts["documents"] + len(keys), "kept": facts["kept"] + len(tokens), "tokens": facts["tokens"] + len(tokens.values)}  # fmt: skip
        held += len(tokens.values)
        if held > 64_000_000:
            pack(pa.concat_tables(rows), 4096, 0, 0, encoder.ends)
            rows, held = [], 0
    pack(pa.concat_tables(rows), 4096, 0, 0, encoder.ends)
    return facts


def recipe(job: Job, stages: list[str]) -> str:
    """A recipe over the job's files."""
    fields = {
        "inputs": [
            {"source": "web", "name": f"web-{index}", "path": path} for index, path in enumerate(job["files"])
        ],
        "stages": stages,
        "output": {"path": f"{job['folder']}/out", "tokenizer": job["tokenizer"], "pack_tokens": 4096},
    }
    return json.dumps(fields)


def winnow(job: Job, text: str) -> Facts:
    """The command, as a user types it; what it kept."""
    from pipeline import ledger

    (Path(job["folder"]) / "recipe.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "run", "recipe.yaml", "--workers", str(job.get("workers", 1))]  # fmt: skip
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run(
        command, cwd=job["folder"], check=True, stdout=sys.stderr, env={**os.environ, "PYTHONPATH": root}
    )
    run = ledger.open_run(str(Path(job["folder"]) / "out"))
    copies = [run.decisions(piece, ["copies"])["copies"] for piece in run.pieces]
    kept = sum(pc.sum(pc.greater(one, 0)).as_py() or 0 for one in copies)
    return {"documents": sum(map(len, copies)), "kept": kept, "tokens": run.manifest["totals"]["tokens"]}


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(getattr(import_module("tests.benchmarks.ours"), job["work"])(job)))


if __name__ == "__main__":
    main()
