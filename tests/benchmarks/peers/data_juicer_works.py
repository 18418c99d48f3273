"""Data-Juicer's side of the works, by its own command: python data_juicer_works.py JOB.json, facts as a line of JSON."""

import json
import subprocess
import sys
from pathlib import Path

PLAIN = (  # filters that load no model
    "alphanumeric_filter",
    "average_line_length_filter",
    "character_repetition_filter",
    "maximum_line_length_filter",
    "special_characters_filter",
    "word_repetition_filter",
    "words_num_filter",
)


def process(job, steps):
    """`dj-process` over the job's one file, on one core."""
    [file], out, recipe = job["files"], Path(job["folder"], "out.jsonl"), Path(job["folder"], "recipe.yaml")
    recipe.write_text(json.dumps({"dataset_path": file, "export_path": str(out), "np": 1, "process": steps}))
    command = [Path(sys.executable).with_name("dj-process"), "--config", recipe]
    subprocess.run(command, cwd=job["folder"], check=True, stdout=sys.stderr)
    return {"kept": sum(1 for _ in out.open("rb"))}


def rules(job):
    lang = {"lang": job["language"]}
    return process(job, [{one: lang if one.startswith("word") else {}} for one in PLAIN])


def near(job):
    tokens = "character" if job["language"] == "zh" else "space"
    return process(
        job, [{"document_minhash_deduplicator": {"tokenization": tokens, "jaccard_threshold": 0.8}}]
    )


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(globals()[given["work"]](given)))
