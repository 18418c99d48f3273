"""`winnow export OUT TARGET`: a run's documents, for those who only curate; or its packs, for other trainers' loaders."""

import click

from pipeline.cli import OUT

DOCUMENTS = ("jsonl", "parquet")
PACKS = ("megatron", "mds", "webdataset", "npy")


@click.command()
@click.argument("out", type=OUT)
@click.argument("target", type=click.Path())
@click.option(
    "--as",
    "form",
    type=click.Choice([*DOCUMENTS, *PACKS]),
    default="jsonl",
    show_default=True,
    help="Documents as JSON lines (.zst) or Parquet, or packs for a trainer's loader.",
)
@click.option("--text-field", default="text", show_default=True, help="The field that holds the text.")
@click.option("--dropped", is_flag=True, help="The documents that were dropped, each with its reason.")
@click.option("--stage", help="Only what this stage dropped.")
@click.option("--reason", help="Only what was dropped for this reason.")
def export(
    out: str, target: str, form: str, text_field: str, dropped: bool, stage: str | None, reason: str | None
) -> None:
    """Write what ships below a new folder TARGET, or a bucket's URL: documents with the editors' cuts applied, or packs.

    `datasets` loads Parquet of any sources at once, JSON lines of sources whose records have the same fields.
    Each record comes with its own fields, `winnow_id`, and how many copies ship. Read again by `winnow run`, it is what it was.

    \b
      winnow export out clean                                  what ships, as .jsonl.zst
      winnow export out clean --as parquet
      winnow export out lost --reason too_few_words            what a rule took
      winnow export out packs --as megatron                    .bin/.idx of packs, segments and loss mask
    """
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.export import Choice, export

    if form in PACKS:
        if dropped or stage or reason:
            raise click.UsageError(f"--dropped is for documents, not for packs as {form}")
        export_packs(out, form, target)
        return
    choice = Choice(dropped or stage is not None or reason is not None, stage, reason)
    try:
        done = export(open_run(out), target, form, text_field, choice)
    except (LedgerError, FileExistsError) as error:
        fail(error)
    click.echo(
        f"{done.documents:,} documents, {done.bytes / 1e6:,.1f} MB of text, in {done.files:,} files: {target}"
    )


def export_packs(out: str, form: str, target: str) -> None:
    from pipeline.cli import fail
    from pipeline.ship import formats, manifest

    try:
        formats.export(out, form, target)
    except (OSError, ValueError) as error:
        fail(error)
    click.echo(f"{manifest.read(out)['totals']['packs']:,} packs as {form}: {target}")
