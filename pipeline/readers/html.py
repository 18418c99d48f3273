"""HTML: one file is one document, the main text of its page; charset and title are kept beside it."""

from collections.abc import Iterator

from pipeline.readers.frames import Frame
from pipeline.readers.guard import ask
from pipeline.readers.raw import Raw
from pipeline.readers.rows import Found
from pipeline.readers.shape import Read, Reading, Refused
from pipeline.readers.whole import read_whole

JOB = "pipeline.readers.pages:extract"


def read_html(raw: Raw, reading: Reading) -> Iterator[Read]:
    """One row: the document, or why there is none."""
    return read_whole(raw, reading, find)


def find(data: bytes) -> Found:
    """The page's main text. Refused: those of pipeline.readers.pages, parser_died, timeout."""
    (answer,) = ask([Frame({"job": JOB}, data)])
    if isinstance(answer, Refused):
        raise answer
    return Found(answer.body.decode(), dict(answer.head))
