"""`winnow export OUT TARGET`: the documents of a run, for those who only curate."""

import click

from pipeline.cli import OUT


@click.command()
@click.argument("out", type=OUT)
@click.argument("target", type=click.Path())
@click.option(
    "--as",
    "form",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    show_default=True,
    help="JSON lines packed with zstd, or Parquet; `datasets` loads both.",
)
@click.option("--text-field", default="text", show_default=True, help="The field that holds the text.")
@click.option("--dropped", is_flag=True, help="The documents that were dropped, each with its reason.")
@click.option("--stage", help="Only what this stage dropped.")
@click.option("--reason", help="Only what was dropped for this reason.")
def export(
    out: str, target: str, form: str, text_field: str, dropped: bool, stage: str | None, reason: str | None
) -> None:
    """Write the documents that ship, with the editors' cuts applied, below a new folder TARGET.

    Each record comes with its own fields, `winnow_id`, and how many copies ship. Read again by `winnow run`, it is what it was.

    \b
      winnow export out clean                                  what ships, as .jsonl.zst
      winnow export out clean --as parquet
      winnow export out lost --reason too_few_words            what a rule took
    """
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.export import Choice, export

    choice = Choice(dropped or stage is not None or reason is not None, stage, reason)
    try:
        done = export(open_run(out), target, form, text_field, choice)
    except LedgerError as error:
        fail(error)
    click.echo(
        f"{done.documents:,} documents, {done.bytes / 1e6:,.1f} MB of text, in {done.files:,} files: {target}"
    )
