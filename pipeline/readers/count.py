"""How many rows an extent gives, counted from its bytes without making any: for the books."""

from collections.abc import Iterable

from pipeline.readers.archives import blocks
from pipeline.readers.parquet import count_rows
from pipeline.readers.raw import Raw
from pipeline.readers.records import records
from pipeline.readers.shape import BOM, Broken, Extent, Open, Reading
from pipeline.readers.warc import longest

WHOLE = ("text", "html", "markdown", "code")  # formats of which a file is one record


def count_records(extent: Extent, reading: Reading, open_: Open) -> int:
    """Lines that are not blank, records of web archives, rows of Parquet, or files; an empty file, or the rest of a broken
    one, is one record.
    """
    if reading.format in WHOLE:
        return 1
    with Raw(extent, open_) as raw:
        if reading.format == "warc":
            return sum(1 for _ in records(blocks(raw), longest(reading)))
        if reading.format == "parquet":
            return count_rows(raw, reading)
        return count_lines(blocks(raw), extent.start, extent.stop)


def count_lines(blocks: Iterable[bytes], start: int, stop: int | None) -> int:
    """How many lines that are not blank start in [start, stop), of `blocks` that begin at byte max(0, start - 1)."""
    rows, at, ours, shown = 0, max(0, start - 1), start == 0, False  # shown: the line at hand is not blank
    try:
        for block in blocks:
            mark = BOM if at == 0 and block.startswith(BOM) else b""
            at += len(mark)
            for index, part in enumerate(block.removeprefix(mark).split(b"\n")):
                if index:
                    at, rows, shown, ours = at + 1, rows + shown, False, True
                    if stop is not None and at >= stop:
                        return rows
                shown = shown or (ours and bool(part.strip()))
                at += len(part)
    except Broken:
        return rows + 1
    return rows + shown
