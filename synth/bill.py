"""GPU-seconds of a worker → what each job owes. Time with nothing at the engine is nobody's, and no second is owed twice."""

from collections import Counter
from collections.abc import Mapping


class Bill:
    """`now`: seconds of a monotonic clock. What a job owes stands in `owed` until it is taken out."""

    def __init__(self, gpus: int) -> None:
        self.gpus, self.open, self.owed = gpus, 0.0, Counter[str]()
        self.since: float | None = None  # when the engine began to work for us; None: it does not

    def busy(self, now: float) -> None:
        """A request is at the engine."""
        self.since = now if self.since is None else self.since

    def idle(self, now: float) -> None:
        """None is, any more."""
        if self.since is not None:
            self.open += (now - self.since) * self.gpus
            self.since = None

    def share(self, now: float, rows: Mapping[str, int]) -> None:
        """Split what is open among jobs by the rows that they got for it; it stays open where nobody got any."""
        if self.since is not None:
            self.idle(now)
            self.busy(now)
        if total := sum(rows.values()):
            self.owed.update({job: self.open * count / total for job, count in rows.items()})
            self.open = 0.0
