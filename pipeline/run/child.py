"""The process in which a local pipeline runs: `python -m pipeline.run.child PARENT RECIPE SETTINGS PLAN`.

PARENT is the pid of whoever watches, RECIPE the recipe's text as resolved (the file may change while we run), SETTINGS JSON, PLAN
the name of a published plan.
"""

import json
import os
import sys
from functools import partial

from pipeline.run import supervisor

# Beam, of a worker that is gone; everything else is an error in code.
LOST_SAYS = "Channel closed prematurely"


def main(parent: str, text: str, settings: str, plan_name: str) -> None:
    """Run the pipeline of a plan that the parent published."""
    supervisor.end_with_parent(int(parent))  # before anything is imported that takes its time
    from pipeline import recipe  # noqa: PLC0415
    from pipeline.run import driver  # noqa: PLC0415
    from pipeline.steps.plan import Plan  # noqa: PLC0415

    given = driver.Settings(**{**(fields := json.loads(settings)), "beam": tuple(fields["beam"])})
    job = driver.prepare(recipe.parse(text, os.path.join(given.beside, "recipe.yaml")), given)
    planned = Plan.loads(job.work.store.read(plan_name))
    try:
        if not driver.packed(job.work, planned):  # it may be when a worker is lost at the very end
            driver.run_pipeline(job, planned, partial(supervisor.say, supervisor.LEAVING))
    except Exception as error:
        if LOST_SAYS not in str(error):
            raise
        sys.exit(supervisor.LOST)
    supervisor.say(supervisor.DONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
