"""`winnow synth schedule`: the control loop that takes idle GPUs and gives them back in time."""

import threading
import time
from functools import partial

import click

from pipeline.cli import curable

FILE = click.Path(exists=True, dir_okay=False)
mistakes = partial(curable, "synth")


class Clock:
    """The machine's, until SIGTERM or SIGINT."""

    def __init__(self) -> None:
        import signal

        self.over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.over.set())

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def wait(self, seconds: float) -> bool:
        return self.over.wait(seconds)


@click.command()
@click.argument("path", type=FILE, metavar="PLAN")
@click.option("--explain", is_flag=True, help="One look: say what would be done and why, and change nothing.")
@click.option("--kubeconfig", type=FILE, help="Default: from inside a pod.")
@click.option("--identity", help="Of this replica in the Lease; default: the host's name.")
def schedule(path: str, explain: bool, kubeconfig: str | None, identity: str | None) -> None:
    """Every minute: look, forecast, decide, scale the workers, as PLAN (YAML) allows; one line of JSON says why.

    \b
      winnow synth schedule plan.yaml --explain --kubeconfig ~/.kube/config

    Several may run; the one that holds the Lease acts. `limits.on: false` in PLAN is the kill switch: PLAN is read anew
    each minute (but for `cluster`), and
    `winnow synth replay` shows on a recorded week what these limits would do.
    """
    with mistakes():
        import socket

        from synth import schedule as loop
        from synth.cluster import Cluster, ClusterError
        from synth.prometheus import MeterError

        plan = loop.read_plan(path)
        cluster = Cluster(plan.cluster, kubeconfig)
        if not explain:
            loop.run(
                lambda: loop.read_plan(path), cluster, identity or socket.gethostname(), Clock(), click.echo
            )
            return
        try:
            click.echo(loop.Scheduler(plan, cluster).explain(time.time()))
        except (ClusterError, MeterError) as error:
            raise ValueError(error) from error
