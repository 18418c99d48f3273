"""Web archives: WARC and ARC files → one document a response, at the offset of its record in the decompressed file.

Requests, metadata and whatever else is no response are passed over by their type and counted, as are responses without text:
redirects, errors, images.
"""

import re
from collections.abc import Iterator

from pipeline.readers.archives import blocks
from pipeline.readers.batches import Batch
from pipeline.readers.frames import Frame
from pipeline.readers.guard import ask
from pipeline.readers.raw import Raw
from pipeline.readers.records import FILEDESC, WARC_BEGINS, Record, records
from pipeline.readers.rows import Found, row_of
from pipeline.readers.shape import Read, Reading, Refused

JOB = "pipeline.readers.responses:extract"
TOGETHER_BYTES, TOGETHER = 1 << 20, 64  # of records that go to the helper at once
AROUND = 1 << 20  # bytes of a record beside its text: headers, and what chunks add
TYPE = re.compile(rb"(?im)^WARC-Type[ \t]*:[ \t]*([a-z]+)[ \t]*\r?$")
TYPES = ("warcinfo", "resource", "request", "metadata", "revisit", "conversion", "continuation")


def longest(reading: Reading) -> int:
    """Bytes of a record's body that are looked at."""
    return reading.max_bytes + AROUND


def read_warc(raw: Raw, reading: Reading) -> Iterator[Read]:
    """The records of a file, batch after batch."""
    batch = Batch(raw.extent, reading)
    for together in groups(records(blocks(raw), longest(reading))):
        size = sum(len(record.data) for record in together)
        if batch.full(size):
            yield batch.take()
        add(batch, together)
    if batch.held or batch.passed_over:
        yield batch.take()


def groups(stream: Iterator[Record]) -> Iterator[list[Record]]:
    held: list[Record] = []
    size = 0
    for record in stream:
        held.append(record)
        size += len(record.data)
        if size >= TOGETHER_BYTES or len(held) == TOGETHER:
            yield held
            held, size = [], 0
    if held:
        yield held


def add(batch: Batch, together: list[Record]) -> None:
    """Each record as a document, as a quarantine row, or passed over."""
    kinds = [None if record.problem else passed_over(record) for record in together]
    asked = [record for record, kind in zip(together, kinds, strict=True) if not (record.problem or kind)]
    answers = iter(ask(job_of(record, batch.reading.max_bytes) for record in asked))
    for record, kind in zip(together, kinds, strict=True):
        if kind is not None:
            batch.pass_over(kind)
        elif record.problem is not None:
            batch.refuse(record.position, record.problem, record.excerpt)
        else:
            place(batch, record, next(answers))


def place(batch: Batch, record: Record, answer: Frame | Refused) -> None:
    """What the helper made of one record."""
    if isinstance(answer, Refused):
        batch.refuse(record.position, answer, record.excerpt)
    elif "passed_over" in answer.head:
        batch.pass_over(answer.head["passed_over"])
    else:
        found = Found(answer.body.decode(), answer.head["fields"], answer.head["url"], answer.head["date"])
        try:
            row, replaced = row_of(found, batch.reading)
        except Refused as refused:
            batch.refuse(record.position, refused, record.excerpt)
        else:
            batch.add(record.position, row, len(answer.body))
            batch.replaced += replaced


def job_of(record: Record, limit: int) -> Frame:
    size = record.size if record.size > len(record.data) else None
    return Frame({"job": JOB, "arc": is_arc(record), "limit": limit, "size": size}, record.data)


def is_arc(record: Record) -> bool:
    return not WARC_BEGINS.match(record.data)


def passed_over(record: Record) -> str | None:
    """The type of a record that is no response, as its header says it."""
    if is_arc(record):
        return "filedesc" if record.data.startswith(FILEDESC) else None
    found = TYPE.search(record.head)
    kind = found[1].decode().lower() if found else ""
    if kind == "response":
        return None
    return kind if kind in TYPES else "unknown type"
