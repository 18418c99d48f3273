"""`winnow clean OUT`: delete what the current manifest does not stand on."""

import click

from pipeline.cli import OUT


@click.command()
@click.argument("out", type=OUT)
def clean(out: str) -> None:
    """Delete what earlier recipes left in OUT; the current run keeps all that it stands on."""
    from pipeline.cli import fail
    from pipeline.data.objects import store_at
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.clean import clean as sweep
    from pipeline.run.folder import FolderError, locked

    try:
        open_run(out)  # is it ours at all?
        with locked(store_at(out)):
            gone = sweep(open_run(out))  # as it is now that nobody writes
    except (FolderError, LedgerError) as error:
        fail(error)
    click.echo(f"{len(gone):,} files deleted")
