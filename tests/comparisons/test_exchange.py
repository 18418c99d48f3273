"""The exchange: both ways bring every target all of its slices, once, with equal results."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest

from pipeline.comparisons.exchange import SLICE_BYTES, BatchCoder, Exchange, Inbox, Route, bounded
from pipeline.data.store import LocalStore


def numbers(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": pa.array(values, pa.int64())})


def send(sender: int, factor: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Every sender has something for the targets of its own parity, and much for `all`."""
    yield str(sender % 2), numbers(sender * factor)
    yield "all", numbers(*range(sender))


def exchanged(store: LocalStore, way: str, senders: list[int]) -> list[tuple[str, list[int]]]:
    exchange, found = Exchange(store, way), store.path(f"found-{way}")

    def receive(arrived: tuple[str, Inbox]) -> str:
        target, inbox = arrived
        values = sorted(value for batch in exchange.inbox(inbox) for value in batch["n"].to_pylist())
        return f"{target}:{values}"

    with beam.Pipeline(runner="FnApiRunner") as root:
        factor = beam.pvalue.AsSingleton(root | "factor" >> beam.Create([10]))
        sent = root | beam.Create(senders) | Route(exchange, send, lambda sender, _: f"test/{sender}", factor)
        (
            sent
            | beam.Map(receive)
            | beam.combiners.ToList()
            | beam.Map(lambda all_: Path(found).write_text("\n".join(sorted(all_))))
        )
    return [tuple(line.split(":")) for line in Path(found).read_text().splitlines()]  # type: ignore[misc]


@pytest.mark.parametrize("senders", [[], [3], [1, 2, 3, 4, 5]])
def test_both_ways_give_equal_inboxes(tmp_path: Path, senders: list[int]):
    store = LocalStore(str(tmp_path))
    ways = [exchanged(store, way, senders) for way in ("files", "engine")]
    assert ways[0] == ways[1]
    expected = {str(s % 2) for s in senders} | ({"all"} if senders else set())
    assert [target for target, _ in ways[0]] == sorted(expected)


def test_slices_that_are_there_are_not_made_again(tmp_path: Path):
    """What a killed run left under a sender's name is used as it stands."""
    store = LocalStore(str(tmp_path))
    first = exchanged(store, "files", [1, 2])
    names = list(store.list("exchange/test"))
    times = [Path(store.path(name)).stat().st_mtime_ns for name in names]
    assert exchanged(store, "files", [1, 2]) == first
    assert [Path(store.path(name)).stat().st_mtime_ns for name in names] == times


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="'mail' is none of files, engine"):
        Exchange(LocalStore("."), "mail")


def test_batches_travel_as_arrow_bytes_and_never_as_pickles():
    assert isinstance(beam.coders.registry.get_coder(pa.RecordBatch), BatchCoder)
    coder = BatchCoder()
    assert coder.decode(coder.encode(numbers(1, 2))).equals(numbers(1, 2))


def test_large_batches_are_sliced_for_the_engine():
    large = numbers(*range(3 * SLICE_BYTES // 8))
    parts = list(bounded(large))
    assert max(part.nbytes for part in parts) <= SLICE_BYTES
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([large]).combine_chunks())
