"""`winnow clean OUT`: delete what the current manifest does not stand on."""

import click


@click.command()
@click.argument("out", type=click.Path(exists=True, file_okay=False))
def clean(out: str) -> None:
    """Delete what earlier recipes left in OUT; the current run keeps all that it stands on."""
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.clean import clean as sweep
    from pipeline.run.driver import FolderError, locked

    try:
        run = open_run(out)
        with locked(run.store):
            gone = sweep(run)
    except (FolderError, LedgerError) as error:
        fail(error)
    click.echo(f"{len(gone):,} files deleted")
