"""How many texts `garbled` finds that were read in a wrong encoding, for LOG.md: python -m tests.benchmarks.garbled.

Texts of the corpora beside the project, at most 2,000 characters each, written in one encoding and read in another, as
accidents do it; and the same texts as they are. A text without a character outside ASCII survives all of it, and is left out.
"""

from collections.abc import Callable, Iterator

import pyarrow as pa

from pipeline.measures.garbled import Garbage
from pipeline.rules.garbled import Garbled
from tests.benchmarks.language import texts

ACCIDENTS: dict[str, tuple[str, str]] = {
    "UTF-8 read as Latin-1": ("utf-8", "latin-1"),
    "UTF-8 read as Windows-1252": ("utf-8", "cp1252"),
    "UTF-8 read as GBK": ("utf-8", "gbk"),
    "GBK read as Latin-1": ("gbk", "latin-1"),
    "GBK read as Big5": ("gbk", "big5"),
    "Big5 read as GBK": ("big5", "gbk"),
}
WANTED: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("zh_law", lambda _: True),
    ("zh_classical_text", lambda _: True),
    ("zh_poetry", lambda _: True),
    ("tldr_pages", lambda found: found in ("fr", "de", "es", "pt_BR")),
    ("tldr_pages", lambda found: found == "ru"),
)


def wrongly_read(text: str, written: str, read: str) -> str:
    """What cannot be written is lost before; what cannot be read is left out, as by a forgiving reader."""
    return text.encode(written, "ignore").decode(read, "ignore")


def found(rows: list[str]) -> float:
    """The share that is dropped."""
    said = Garbled()(Garbage()(pa.record_batch({"text": pa.array(rows, pa.string())})))
    return 1 - said.null_count / len(rows)


def table() -> Iterator[str]:
    yield " | ".join(("texts", "documents", "as they are", *ACCIDENTS))
    for name, wanted in WANTED:
        rows = [text[:2000] for language, text in texts(name) if wanted(language) and not text.isascii()][
            :2000
        ]
        shares = [
            f"{found([wrongly_read(row, *codecs) for row in rows]):.3f}" for codecs in ACCIDENTS.values()
        ]
        yield " | ".join((name, f"{len(rows):,}", f"{found(rows):.4f}", *shares))


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
