"""`winnow synth …`: the farm. Thin: `synth` is loaded when a command is called."""

from functools import partial

import click

from pipeline.cli import curable
from pipeline.cli.synth_replay import replay
from pipeline.cli.synth_schedule import schedule

FILE = click.Path(exists=True, dir_okay=False)
mistakes = partial(curable, "synth")


@click.group()
def synth() -> None:
    """Make training data with language models in hours when their GPUs would idle.

    \b
      winnow synth demo                     see it work: no broker, no GPU
      winnow synth submit job.yaml          put a job's requests on the queue; twice adds nothing
      winnow synth work farm.yaml -v NAME   one worker beside one engine
      winnow synth status farm.yaml         backlog, rates, yield, what is left
      winnow synth collect job.yaml         results → documents for `winnow run`, and the books
    """


@synth.command()
@click.argument("path", type=FILE, metavar="JOB")
def submit(path: str) -> None:
    """Put the requests of JOB (YAML) on the farm's queue; what was put there before is not put again."""
    with mistakes():
        raise NotImplementedError(path)


synth.add_command(schedule)
synth.add_command(replay)
