"""datatrove's side of the works, in an environment that has it: python datatrove_works.py JOB.json, facts as a line of JSON."""

import json
import sys
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.dedup import (
    ExactDedupConfig,
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader, ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer

LANGUAGES = {"en": "eng", "zh": "zho"}


def execute(job, steps, tasks=1):
    """All tasks one after the other, in this process."""
    logs = f"{job['folder']}/logs/{len(list(Path(job['folder']).glob('logs/*')))}"
    LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=1, logging_dir=logs).run()


def reader(job):
    paths = Path(job["folder"], "paths.txt")
    paths.write_text("".join(f"{Path(path).name}\n" for path in job["files"]))
    kind = ParquetReader if job["form"] == "parquet" else JsonlReader
    return kind(str(Path(job["files"][0]).parent), paths_file=str(paths))


def counted(job, *steps):
    """How many documents come through."""
    seen = []

    def end(data, rank=0, world_size=1):  # a function, for an executor copies the objects that it is given
        seen.append(sum(1 for _ in data))
        yield from ()

    execute(job, [reader(job), *steps, end])
    return sum(seen)


def read(job):
    return {"documents": counted(job)}


def rules(job):
    language = LANGUAGES[job["language"]]
    filters = (GopherRepetitionFilter, GopherQualityFilter, C4QualityFilter, FineWebQualityFilter)
    return {"kept": counted(job, *(one(language=language) for one in filters))}


def near(job):
    config, folder = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8), job["folder"]
    language = LANGUAGES[job["language"]]
    execute(
        job, [reader(job), MinhashDedupSignature(f"{folder}/signatures", config=config, language=language)]
    )
    execute(job, [MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)], tasks=14)
    execute(job, [MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=config)])
    return {"kept": counted(job, MinhashDedupFilter(f"{folder}/removed"))}


def contamination(job):
    """Their index holds answers and borders; with `find_query_ngrams` questions too, which are what ours looks for."""
    language, index = LANGUAGES[job["language"]], Path(job["folder"], "index")
    config = NGramsDecontConfig(find_query_ngrams=True)
    indexer = object.__new__(NGramsDecontIndexer)  # past its look for lighteval, whose tasks are downloads
    indexer.__init__(str(index), config=config, language=language)
    index.mkdir()
    hashes = set()
    for question, answer in json.loads(Path(job["questions"]).read_text()):
        hashes.update(indexer.compute_hashes(answer, question))
    np.array(list(hashes), dtype=config.hash_config.np_descr).tofile(index / "all.index.hashes")
    return {
        "kept": counted(job, NGramsDecontFilter(str(index), config=config, language=language)),
        "grams": len(hashes),
    }


def exact(job):
    """Read → exact duplicates → tokenise; nothing of theirs packs."""
    folder = job["folder"]

    def content(document: Document) -> str:
        return document.text

    config = ExactDedupConfig(content_getter=content)
    execute(job, [reader(job), ExactDedupSignature(f"{folder}/signatures", config=config)])
    execute(job, [ExactFindDedups(f"{folder}/signatures", f"{folder}/found", config=config)])
    steps = [
        reader(job),
        ExactDedupFilter(f"{folder}/found", config=config),
        DocumentTokenizer(
            f"{folder}/tokens", job["tokenizer"], eos_token="<|endoftext|>", shuffle_documents=False
        ),
    ]
    execute(job, steps)
    size = sum(path.stat().st_size for path in Path(folder, "tokens").glob("*.ds"))
    return {"tokens": size // 2}


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(globals()[given["work"]](given)))
