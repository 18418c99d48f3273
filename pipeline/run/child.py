"""The process in which a local pipeline runs: `python -m pipeline.run.child <recipe> <settings as JSON> <plan>`."""

import json
import sys

from pipeline import recipe
from pipeline.run import driver, supervisor
from pipeline.steps.plan import Plan

LOST_SAYS = (
    "Channel closed prematurely"  # Beam, of a worker that is gone; everything else is an error in code
)


def main(recipe_path: str, settings: str, plan_name: str) -> None:
    """Run the pipeline of a plan that the parent published."""
    supervisor.end_with_parent()
    fields = json.loads(settings)
    job = driver.prepare(
        recipe.load(recipe_path), driver.Settings(**{**fields, "beam": tuple(fields["beam"])})
    )
    try:
        driver.run_pipeline(job, Plan.loads(job.work.store.read(plan_name)))
    except Exception as error:
        if LOST_SAYS not in str(error):
            raise
        sys.exit(supervisor.LOST)
    supervisor.say_done()


if __name__ == "__main__":
    main(*sys.argv[1:])
