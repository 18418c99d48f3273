"""A recipe's steps as one Beam pipeline: what runs, in which order, on any runner.

Only names travel: of the plan, of pieces, of shards. Every step publishes files with a receipt and does nothing when its
receipt is there, so a retry, a racing worker and a resumed run are one and the same. Subgraphs whose receipt is known when
the graph is built are left out.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import AsIter, AsSingleton
from apache_beam.runners.portability.fn_api_runner.worker_handlers import WorkerHandlerManager

from pipeline.comparisons.exchange import Exchange, Inbox, Meet, Route, Send
from pipeline.data.keys import digest
from pipeline.steps import compare, decide, late, pairs, shards, statistics, tokens
from pipeline.steps.ingest import ingest
from pipeline.steps.measure import wanted
from pipeline.steps.placed import PlacedStage
from pipeline.steps.plan import Plan
from pipeline.steps.work import Corpus, Piece, Split, Work

Slices = Iterator[tuple[str, pa.RecordBatch]]


@dataclass(frozen=True)
class Flow:
    """One run's graph. `corpus` and `standing` are what is known before it starts: the corpus, if all splits were read
    before, and the names of comparisons whose receipt is there.
    """

    work: Work
    plan: str  # name of the published plan
    exchange: Exchange
    standing: frozenset[str] = frozenset()

    def build(self, root: beam.Pipeline) -> beam.PCollection:
        """The whole graph; its last collection holds one element when everything is published."""
        work = self.work
        pieces = root | "plan" >> beam.Create([self.plan], reshuffle=False) | "ingest" >> Ingest(work)
        corpus = AsSingleton(pieces | "corpus" >> Reduce(sum_pieces))
        gate = root | "nothing to wait for" >> beam.Create(["start"], reshuffle=False)
        for stage in work.placed.stages:
            if stage.kind == "comparison" and stage.name not in self.standing:
                gate = pieces | stage.name >> Compare(work, self.exchange, stage, corpus, gate)
            if wanted(work.placed, stage):
                gate = pieces | f"measure after {stage.name}" >> beam.Map(
                    measure_one, work, stage, corpus, AsIter(gate)
                ).with_output_types(str)
            if stage.statistics and stage.kind != "sample":
                gate = pieces | stage.name >> Statistics(work, stage, corpus, gate)
        tokenized = pieces | "tokens" >> beam.Map(tokenize_one, work, corpus, AsIter(gate)).with_output_types(
            str
        )
        if work.placed.sample is not None:
            gate = tokenized | work.placed.sample.name >> Statistics(work, work.placed.sample, corpus, gate)
        return tokenized | "packs" >> Ship(work, self.exchange, corpus, gate)


class Ingest(beam.PTransform):
    """The plan's name → the JSON of every piece, read and measured."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def expand(self, plan: beam.PCollection) -> beam.PCollection:
        work = self.work

        def splits(name: str) -> Iterator[str]:
            planned = Plan.loads(work.store.read(name)).splits
            yield from (
                split.dumps() for split in sorted(planned, key=lambda split: (-split.bytes, split.key))
            )

        def read(split: str) -> Iterator[str]:
            yield from (piece.dumps() for piece in ingest(Split.loads(split), work))

        dealt = plan | "splits" >> beam.FlatMap(splits).with_output_types(str) | "deal" >> beam.Reshuffle()
        return dealt | "read" >> beam.FlatMap(read).with_output_types(str) | "deal pieces" >> beam.Reshuffle()


class Reduce(beam.PTransform):
    """All elements → one, by a function from a list of strings, and side inputs, to a string; the list may be empty."""

    def __init__(self, function: Callable[..., str], *extras: AsSingleton) -> None:
        super().__init__()
        self.function, self.extras = function, extras

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        listed = parts | "list" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
        return listed | "reduce" >> beam.Map(self.function, *self.extras).with_output_types(str)


def sum_pieces(pieces: list[str]) -> str:
    return Corpus.of([Piece.loads(piece) for piece in pieces]).dumps()


def tokenize_one(piece: str, work: Work, corpus: str, _gate: Iterable[str]) -> str:
    return tokens.tokenize(Piece.loads(piece), work, Corpus.loads(corpus)).dumps()


def measure_one(piece: str, work: Work, stage: PlacedStage, corpus: str, _gate: Iterable[str]) -> str:
    return late.measure(Piece.loads(piece), work, stage, Corpus.loads(corpus)).dumps()


class Compare(beam.PTransform):
    """Pieces → one element, when the marks of a comparison stand: nominate, settle by bucket or in rounds of pairs, marks
    back to the pieces.
    """

    def __init__(
        self, work: Work, exchange: Exchange, stage: PlacedStage, corpus: AsSingleton, gate: beam.PCollection
    ) -> None:
        super().__init__()
        self.work, self.exchange, self.stage, self.corpus, self.gate = work, exchange, stage, corpus, gate

    def expand(self, pieces: beam.PCollection) -> beam.PCollection:
        work, stage, exchange = self.work, self.stage, self.exchange
        shape: Any = pairs if pairs.by_pairs(stage) else compare

        def nominate(piece: str, corpus: str, _gate: Iterable[str]) -> Slices:
            known = Corpus.loads(corpus)
            if not compare.done(work, stage, known):
                yield from compare.nominate(Piece.loads(piece), work, stage, known)

        def sender(piece: str, corpus: str, _gate: Iterable[str]) -> str:
            return f"{compare.folder_of(work, stage, Corpus.loads(corpus))}/{Piece.loads(piece).name}"

        def publish(piece: tuple[str, Inbox], corpus: str) -> str:
            slices = exchange.inbox(piece[1])
            return json.dumps(shape.publish(piece[0], slices, work, stage, Corpus.loads(corpus)))

        def close(published: list[str], corpus: str) -> str:
            known = Corpus.loads(corpus)
            if not compare.done(work, stage, known):
                shape.close([json.loads(one) for one in published], work, stage, known)
            return stage.name

        keyed = pieces | "nominate" >> Route(exchange, nominate, sender, self.corpus, AsIter(self.gate))
        marked = (
            self.rounds(keyed) if shape is pairs else keyed | "settle" >> self.hop(compare.settle, "settle")
        )
        files = marked | "marks" >> beam.Map(publish, self.corpus).with_output_types(str)
        return files | "close" >> Reduce(close, self.corpus)

    def rounds(self, keyed: beam.PCollection) -> beam.PCollection:
        """The rounds of a comparison by pairs, one after the other; see `steps/pairs.py`."""
        verified: list[beam.PCollection] = []
        for turn in range(self.stage.rule.rounds):
            paired = keyed | f"pair {turn}" >> self.hop(pairs.pair, f"pair-{turn}")
            asked = paired | f"ask {turn}" >> self.hop(pairs.ask, f"ask-{turn}")
            verified.append(asked | f"verify {turn}" >> self.hop(pairs.verify, f"verify-{turn}", meet=False))
            every = tuple(verified) | f"all {turn}" >> beam.Flatten() | f"meet {turn}" >> Meet(self.exchange)
            fates = every | f"settle {turn}" >> self.hop(pairs.settle, f"settle-{turn}")
            if (again := turn + 1) < self.stage.rule.rounds:
                keyed = fates | f"nominate {again}" >> self.hop(pairs.nominate_again, f"again-{again}")
        return fates

    def hop(self, step: compare.Step, name: str, meet: bool = True) -> beam.PTransform:
        """One step between targets: a target's slices in, slices to other targets out."""
        work, stage, exchange = self.work, self.stage, self.exchange

        def send(target: tuple[str, Inbox], corpus: str) -> Slices:
            slices = exchange.inbox(target[1])
            yield from step(target[0], slices, work, stage, Corpus.loads(corpus))

        def sender(target: tuple[str, Inbox], corpus: str) -> str:
            return f"{compare.folder_of(work, stage, Corpus.loads(corpus))}/{name}/{target[0]}"

        return (Route if meet else Send)(exchange, send, sender, self.corpus)


class Statistics(beam.PTransform):
    """Pieces → one element, when the statistics that a rule needs are published: a table a piece, merged to one."""

    def __init__(self, work: Work, stage: PlacedStage, corpus: AsSingleton, gate: beam.PCollection) -> None:
        super().__init__()
        self.work, self.stage, self.corpus, self.gate = work, stage, corpus, gate

    def expand(self, pieces: beam.PCollection) -> beam.PCollection:
        work, stage = self.work, self.stage

        def partial(piece: str, corpus: str, _gate: Iterable[str]) -> str:
            return statistics.partial(Piece.loads(piece), work, stage, Corpus.loads(corpus))

        def close(partials: list[str], corpus: str) -> str:
            return statistics.merge(partials, work, stage, Corpus.loads(corpus))

        parts = pieces | "partial" >> beam.Map(partial, self.corpus, AsIter(self.gate)).with_output_types(str)
        return parts | "merge" >> Reduce(close, self.corpus)


class Ship(beam.PTransform):
    """Tokenised pieces → one element, when decisions and shards are published."""

    def __init__(self, work: Work, exchange: Exchange, corpus: AsSingleton, gate: beam.PCollection) -> None:
        super().__init__()
        self.work, self.exchange, self.corpus, self.gate = work, exchange, corpus, gate

    def expand(self, pieces: beam.PCollection) -> beam.PCollection:
        work, exchange, corpus = self.work, self.exchange, self.corpus

        def decided(piece: str, corpus: str, _gate: Iterable[str]) -> int:
            return int(decide.decide(Piece.loads(piece), work, Corpus.loads(corpus)).facts["tokens"])

        def folds(piece: str, corpus: str, pools: int) -> str:
            return shards.pool_folds(Piece.loads(piece), work, Corpus.loads(corpus), pools)

        def draft(folds: str, pools: int) -> str:
            names = shards.shard_names(folds, work, pools)
            return json.dumps({"pools": pools, "names": names, "make": shards.to_make(names, work)})

        def send(piece: str, corpus: str, drafted: str) -> Slices:
            fields = json.loads(drafted)
            yield from shards.send_tokens(
                Piece.loads(piece), work, Corpus.loads(corpus), fields["pools"], fields["make"]
            )

        def sender(piece: str, _corpus: str, drafted: str) -> str:
            return f"pools/{digest(drafted)}/{Piece.loads(piece).name}"

        def make(pool: tuple[str, Inbox], drafted: str) -> str:
            return shards.make_shard(json.loads(drafted)["names"][pool[0]], exchange.inbox(pool[1]), work)

        def close(_made: list[str], corpus: str, drafted: str) -> str:
            fields = json.loads(drafted)
            return shards.close(fields["names"], work, Corpus.loads(corpus), fields["pools"]).of

        kept = pieces | "decide" >> beam.Map(decided, corpus, AsIter(self.gate)).with_output_types(int)
        total = kept | "kept tokens" >> beam.CombineGlobally(sum)
        pools = AsSingleton(total | "pools" >> beam.Map(shards.pools_of, work).with_output_types(int))
        folded = pieces | "fold" >> beam.Map(folds, corpus, pools).with_output_types(str)
        summed = folded | "add folds" >> beam.CombineGlobally(shards.add_folds)
        drafted = AsSingleton(summed | "draft" >> beam.Map(draft, pools).with_output_types(str))
        sent = pieces | "to pools" >> Route(exchange, send, sender, corpus, drafted)
        made = sent | "pack" >> beam.Map(make, drafted).with_output_types(str)
        return made | "close" >> Reduce(close, corpus, drafted)


class Options(PipelineOptions):
    """Beam's options, parsed once for each group that is asked for. Beam asks for one at every step of the graph and builds
    a command line parser each time, half of the seconds that `web-zh-en`'s graph of 660 steps takes. Views share one store,
    so a kept view shows every later change.
    """

    def view_as(self, cls: type[PipelineOptions]) -> PipelineOptions:
        views: dict[type[PipelineOptions], PipelineOptions] = self.__dict__.setdefault("views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


def run(
    graph: Flow, workers: int, options: Sequence[str] = (), leaving: Callable[[], None] | None = None
) -> None:
    """Build and run, and wait for the end. Without a --runner among the options: this machine, all of its workers.

    FnApiRunner by name: `DirectRunner` switches between three runners. `multi_processing` is the only local mode that uses
    more than one core (measured). `leaving` is called before local workers are told to go, at a good end and at a bad one.
    """
    if leaving is not None:
        call_before_workers_go(leaving)
    runner = () if any(one.startswith("--runner=") for one in options) else local(workers)
    with beam.Pipeline(options=Options([*runner, *options], save_main_session=False)) as root:
        graph.build(root)


def call_before_workers_go(leaving: Callable[[], None]) -> None:
    """For the rest of this process. Beam tells nobody, and a worker that was told to go looks like one that was killed."""
    close_all = WorkerHandlerManager.close_all

    def told(self: WorkerHandlerManager) -> None:
        leaving()
        close_all(self)

    WorkerHandlerManager.close_all = told


def local(workers: int) -> list[str]:
    mode = (
        ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"] if workers > 1 else []
    )
    return ["--runner=FnApiRunner", *mode]
