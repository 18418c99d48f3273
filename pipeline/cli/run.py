"""`winnow run RECIPE`: say what will be done, do it, show the funnel."""

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.ledger import Funnel, Run
    from pipeline.recipe import Recipe
    from pipeline.run.driver import Job, SetupError
    from pipeline.steps.plan import Plan


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False))
@click.argument("beam", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--plan", "only_plan", is_flag=True, help="Say what would run and what is there already; run nothing."
)
@click.option("--repair", is_flag=True, help="First read all that stands, and make anew what is damaged.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Try the recipe on the first N documents of each input, in OUT.first-N.",
)
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Worker processes; default: one per core."
)
@click.option(
    "--piece-mib",
    type=click.IntRange(1, 64),
    default=64,
    show_default=True,
    metavar="N",
    help="Text in one piece; changes no result.",
)
@click.option(
    "--exchange",
    type=click.Choice(["files", "engine"]),
    default="files",
    show_default=True,
    help="How a comparison's slices travel; changes no result.",
)
def run(
    recipe: str,
    beam: tuple[str, ...],
    only_plan: bool,
    repair: bool,
    limit: int | None,
    workers: int | None,
    piece_mib: int,
    exchange: str,
) -> None:
    """Run a RECIPE: what is missing is done, what stands is kept.

    Everything after -- goes to Beam: winnow run recipe.yaml -- --runner=FlinkRunner …

    \b
      winnow run recipe.yaml --plan       what would be done, and why
      winnow run recipe.yaml --limit 100  try it on a hundred documents of each input
    """
    from pipeline.cli import fail
    from pipeline.forms import FormError
    from pipeline.recipe import load
    from pipeline.run.driver import Settings, SetupError, prepare
    from pipeline.run.folder import FolderError, check_folder, locked

    beside = os.path.dirname(os.path.abspath(recipe))
    settings = Settings(workers or os.cpu_count() or 1, piece_mib << 20, exchange, None, beam, limit, beside)
    try:
        check_options(beam, loaded := load(recipe))
        job = prepare(absolute(loaded) if beam else loaded, settings)
        if only_plan:
            check_folder(job.work.store)
            show_plan(job, job.plan(), exact=True)
            return
        with locked(job.work.store):
            if repair:
                show_repairs(job)
            run_here(job)
    except (FolderError, FormError) as error:
        fail(error)
    except SetupError as error:
        fail(located(recipe, error))
    except (OSError, ValueError, RuntimeError) as error:  # they say what is damaged, or changed, or full
        fail(cure(str(error), recipe), 1)


def check_options(beam: tuple[str, ...], recipe: "Recipe") -> None:
    """Options for Beam, known before anything runs."""
    from pipeline.cli import fail

    if beam:
        from pipeline.engines.options import OptionError, check, check_places

        try:
            check(beam)
            check_places(beam, recipe)
        except OptionError as error:
            fail(error)


def absolute(recipe: "Recipe") -> "Recipe":
    """The recipe for workers that run in folders of their own."""
    inputs = tuple(replace(one, path=whole(one.path)) for one in recipe.inputs)
    output = recipe.output
    output = replace(output, path=whole(output.path), tokenizer=os.path.abspath(output.tokenizer))
    return replace(recipe, inputs=inputs, output=output)


def whole(path: str) -> str:
    """The path as it reads from any folder."""
    from pipeline.data.objects import remote

    return path if remote(path) else os.path.abspath(path)


def located(recipe: str, error: "SetupError") -> str:
    """The mistake with its line in the recipe."""
    from pipeline import forms

    with open(recipe, encoding="utf-8-sig") as file:
        form = forms.load(file.read(), recipe)
    for key in error.place:
        form = form[key] if isinstance(key, int) or key in form.value else form
    return f"{form.file}:{form.line}: {error}"


def run_here(job: "Job") -> None:
    """Plan, supervise, finish, show."""
    from pipeline.run.driver import run_planned

    path = [os.environ.get("PYTHONPATH"), job.settings.beside]  # where every worker finds a `use:`
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    planned = job.plan()
    show_plan(job, planned)
    run_planned(job, planned, supervised)
    show_funnel(job)


def supervised(job: "Job", planned: "Plan") -> None:
    """The pipeline in a child process, with progress."""
    from pipeline.recipe import dumps
    from pipeline.run.progress import Progress
    from pipeline.run.supervisor import supervise

    command = [
        sys.executable,
        "-m",
        "pipeline.run.child",
        str(os.getpid()),
        dumps(job.recipe),
        json.dumps(asdict(job.settings)),
        planned.name,
    ]
    with Progress(job, planned, sys.stderr.isatty()) as progress:
        supervise(command, progress.tick, progress.tell)


def show_repairs(job: "Job") -> None:
    """What was damaged, and will be made anew."""
    from pipeline.run.repair import repair

    for line in repair(job.work.store):
        click.echo(f"! {line}; it will be made anew", err=True)


def show_plan(job: "Job", planned: "Plan", exact: bool = False) -> None:
    """What will be done, and what stands."""
    from pipeline.run.outlook import outlook

    for line in outlook(job, planned, exact).lines():
        click.echo(line, err=True)


def show_funnel(job: "Job") -> None:
    """The funnel of the finished run."""
    from rich.console import Console

    from pipeline import ledger
    from pipeline.cli.tables import funnel_table, group_table

    run = ledger.open_run(job.work.store.root)
    console = Console(width=None if sys.stdout.isatty() else 110)
    for table in funnel_table(ledger.funnel(run)):
        console.print(table)
    if groups := ledger.groups(run):
        console.print(group_table(groups))
        console.print(groups.said(), highlight=False)
    for warning in empty_inputs(ledger.funnel(run), run):
        console.print(f"! {warning}", style="red", highlight=False)
    if (found := ledger.long_share(run)) < (wanted := job.recipe.output.min_long_share):
        cure = "ship long documents more often (`sample`), or drop short ones"
        said = f"long documents hold {100 * found:.1f} % of the tokens, min_long_share asks for {100 * wanted:.1f} %: {cure}"
        console.print(f"! {said}", style="red", highlight=False)
    console.print(ledger.summary(run), highlight=False)


def empty_inputs(funnel: "Funnel", run: "Run") -> Iterator[str]:
    """Inputs of which no record became a document."""
    read = {piece.input for piece in run.pieces}
    for name in sorted({name for name, _ in funnel.quarantined} - read):
        reasons = {why: count for (one, why), count in funnel.quarantined.items() if one == name}
        worst = max(reasons, key=lambda why: reasons[why])
        cure = "; is its `text:` the field that holds the text?" if worst == "missing_text" else ""
        yield f"{name}: none of its {sum(reasons.values()):,} records became a document, most of them {worst}{cure}"


def cure(message: str, recipe: str) -> str:
    """What a failed run says; in one line where the cure is known."""
    if "Disk quota exceeded" in message:
        return f"{recipe}: the quota is used up: free some and run again; what was published stands, nothing is damaged"
    if "No space left on device" in message:
        return f"{recipe}: the disk is full: free some and run again; what was published stands, nothing is damaged"
    if failed := re.search(r"^\S*StageError: (.*?)(?: \[while running .*)?$", message, re.MULTILINE):
        before, _, _ = message.rpartition("The above exception was the direct cause")
        _, found, cause = before.rpartition("Traceback (")
        return f"{found}{cause.rstrip()}\n{recipe}: {failed[1]}" if found else f"{recipe}: {failed[1]}"
    return "\n".join(message.splitlines()[-40:])
