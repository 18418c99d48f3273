"""`winnow synth demo`: the farm from rows to documents in seconds, with no broker, no GPU and no cluster."""

from pathlib import Path

import click

FARM = "store: '{folder}/farm'\n"
JOB = """\
# Written by `winnow synth demo`. Submit it again: winnow synth submit {folder}/job.yaml
job: demo
farm: '{folder}/farm.yaml'
rows: '{folder}/rows.jsonl'
variant: {variant}
candidates: 2
seed: 7
sampling: {{temperature: 0.8, max_tokens: 64}}
template: |
  Write a question that the text answers, and its answer.
  {{{{ text | data }}}}
"""
RECIPE = """\
# Written by `winnow synth demo`: what the farm made, as any other source. winnow run {folder}/recipe.yaml
inputs:
  - {{source: synth-demo, path: '{folder}/farm/jobs/demo/documents'}}
stages:
  - exact_duplicates
output:
  path: '{folder}/out'
  tokenizer: '{folder}/tokenizer.json'
  pack_tokens: 512
"""
ROWS = 100
REQUESTS = 2 * ROWS


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="winnow-synth-demo")
@click.option("--engine", type=click.Choice(["double", "vllm"]), default="double", show_default=True,
              help="A double that runs no model, or a local vLLM.")  # fmt: skip
@click.option("-v", "--variant", default="", help="With --engine vllm: which model; default qwen3-4b.")
@click.option("--url", default="", help="With --engine vllm: one that runs already.")
def demo(folder: Path, engine: str, variant: str, url: str) -> None:
    """Make 200 requests of our own sample texts in FOLDER, answer them, collect the answers, show the books.

    \b
      winnow synth demo                  an engine double over HTTP: a few seconds
      winnow synth demo --engine vllm    a model of yours; FOLDER/farm.yaml says where vLLM is, `vllm: /opt/vllm/bin/python`
    """
    from pipeline.cli import curable, fail

    if folder.exists() and any(folder.iterdir()) and not (folder / "farm.yaml").exists():
        fail(f"{folder}: holds other things; name an empty folder or a new one")
    with curable("synth"):
        import asyncio
        import sys

        from pipeline.cli.synth import show
        from synth import collect, requests, submit
        from synth.work import Post, work
        from synth.worker import Habits

        name = "double" if engine == "double" else variant or "qwen3-4b"
        prepare(folder, name)
        task = requests.read(str(folder / "job.yaml"))
        done = submit.run(task)
        click.echo(f"{done.rows} rows: {done.new} new requests, {done.known} known")
        double = (
            sys.executable,
            "-m",
            "synth.engine_double",
            "--port",
            "{port}",
            "--rate",
            "400",
            "--slots",
            "32",
        )
        post = Post(task.farm, name, url, command=double if engine == "double" else ())
        asyncio.run(work(post, Habits(task.variant.concurrency, commit_seconds=0.5, stop_when_empty=True)))
        show(collect.collect(task), task)
    click.echo("\nTry next:")
    for line in (
        f"run {folder}/recipe.yaml",
        f"synth submit {folder}/job.yaml",
        f"synth status {folder}/farm.yaml",
    ):
        click.echo(f"  winnow {line}")


def prepare(folder: Path, variant: str) -> None:
    """Farm, job, rows, and a recipe that reads what comes out; what is there stays as it is."""
    import orjson

    from pipeline.cli.demo import sample, train_tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    texts = [one["text"] for source in ("sample-en", "sample-zh") for one in sample(source)]
    pieces = [piece for text in texts for piece in text.split("\n") if len(piece) > 60]
    rows = [{"text": pieces[place % len(pieces)], "part": place // len(pieces)} for place in range(ROWS)]
    named = {"folder": folder.as_posix().replace("'", "''"), "variant": variant}
    for file, text in (("farm.yaml", FARM), ("job.yaml", JOB), ("recipe.yaml", RECIPE)):
        if not (folder / file).exists():
            (folder / file).write_text(text.format(**named), encoding="utf-8")
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    if not (folder / "tokenizer.json").exists():
        train_tokenizer(iter(texts), folder / "tokenizer.json")
