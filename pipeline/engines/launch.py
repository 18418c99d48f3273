"""What Dataflow's Flex Template starts: `python launch.py --recipe=… --runner=DataflowRunner …` plans, and hands over the job.

A template's launcher does not wait for the job. When it is done, `winnow run` of the same recipe writes the manifest, in seconds.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from pipeline import recipe as recipes
from pipeline.data import objects
from pipeline.engines.options import check, check_places
from pipeline.run.driver import Settings, begin, finished, packed, prepare, run_pipeline
from pipeline.run.folder import locked


def main(arguments: Sequence[str]) -> None:
    """Publish the plan and build the pipeline, unless all of it stands. Errors as of `winnow run`."""
    given, beam = parse(arguments)
    check(beam)
    recipe = load(given.recipe)
    check_places(beam, recipe)
    beside = "" if objects.remote(given.recipe) else os.path.dirname(os.path.abspath(given.recipe))
    job = prepare(recipe, Settings(1, given.piece_mib << 20, "engine", beam=tuple(beam), beside=beside))
    with locked(job.work.store):
        planned = job.plan()
        if finished(job, planned) is None:
            begin(job, planned)
            if not packed(job.work, planned):
                run_pipeline(job, planned)


def load(path: str) -> recipes.Recipe:
    """The recipe of a file or an object."""
    if objects.remote(path):
        return recipes.parse(objects.get(path).decode("utf-8-sig"), path)
    return recipes.load(path)


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Ours, and what goes to Beam."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--piece_mib", type=int, choices=range(1, 65), default=64, metavar="1…64")
    return parser.parse_known_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
