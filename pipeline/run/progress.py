"""Progress of a run, read from its receipts: a live line in a terminal, a plain line now and then in a log."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from pipeline.data import receipts
from pipeline.run.driver import Job, known_corpus, known_pieces
from pipeline.steps.compare import done
from pipeline.steps.ingest import receipt_of
from pipeline.steps.plan import Plan
from pipeline.steps.work import Corpus, Split

LOG_EVERY = 10.0  # seconds between plain lines
LOOK_EVERY = 0.5


class Progress:
    """Counts receipts of the plan. `live`: rewrite one line; else print lines."""

    def __init__(self, job: Job, planned: Plan, live: bool) -> None:
        self.job, self.planned, self.live = job, planned, live
        self.start = self.looked = self.logged = time.monotonic()
        self.pending = self.unread({split.key: split for split in planned.splits})
        self.todo = sum(split.bytes for split in self.pending.values())
        self.corpus: Corpus | None = None
        self.pieces = 0

    def unread(self, splits: Mapping[str, Split]) -> dict[str, Split]:
        """The splits without a receipt, by one listing."""
        have = set(self.job.work.store.list(f"{receipts.FOLDER}/ingest"))
        return {key: one for key, one in splits.items() if receipts.receipt_name(receipt_of(one)) not in have}

    def tick(self) -> None:
        """Look, if it is time, and say how far the run is."""
        now = time.monotonic()
        if now - self.looked < (LOOK_EVERY if self.pending else 4 * LOOK_EVERY):
            return
        self.looked = now
        line = self.line(now)
        if self.live:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)  # noqa: T201
        elif now - self.logged >= LOG_EVERY:
            self.logged = now
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    def tell(self, sentence: str) -> None:
        """A sentence of its own."""
        print(f"\r\x1b[K{sentence}" if self.live else sentence, file=sys.stderr, flush=True)  # noqa: T201

    def line(self, now: float) -> str:
        self.pending = self.unread(self.pending)
        return self.reading(now) if self.pending else self.later()

    def reading(self, now: float) -> str:
        left = sum(split.bytes for split in self.pending.values())
        rate = (self.todo - left) / max(now - self.start, 1e-9)
        read = len(self.planned.splits) - len(self.pending)
        remaining = f"{left / rate:,.0f} s left" if rate else "…"
        return (
            f"reading {read:,} of {len(self.planned.splits):,} splits · {rate / 1e6:,.1f} MB/s · {remaining}"
        )

    def later(self) -> str:
        """What follows reading, by the receipts that each step leaves."""
        work = self.job.work
        self.corpus = self.corpus or known_corpus(work, self.planned)
        if self.corpus is None:
            return "measuring"
        waiting = [one.name for one in work.placed.comparisons if not done(work, one, self.corpus)]
        if waiting:
            return f"comparing: {waiting[0]}"
        self.pieces = self.pieces or len(known_pieces(work, self.planned) or ())
        made = sum(1 for _ in work.store.list(f"{receipts.FOLDER}/tokens/{work.tokens_key}"))
        return f"tokens and packs: {made:,} token files of {self.pieces:,} pieces"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201
