"""Megabytes a second of every reader, beside the libraries alone: `python -m tests.benchmarks.readers`.

CPU seconds of the process and its helper, the best of five; MB of HTML, or of text. The pages are the 42 of
../shared/data/html/readability and the responses of ../shared/data/warc/dolma, many times over.
"""

import gzip
import io
import resource
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import HTMLTree

from pipeline.readers import Extent, Reading, read
from pipeline.readers.guard import LIMITS, helper_for
from tests.benchmarks.inputs import responses
from tests.readers.made import response, warc
from tests.readers.memory import opener

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
TIMES = 5


def cpu_seconds() -> float:
    """Of this process and of its helper."""
    mine, helper = (
        resource.getrusage(resource.RUSAGE_SELF),
        psutil.Process(helper_for(LIMITS).process.pid).cpu_times(),
    )
    return mine.ru_utime + mine.ru_stime + helper.user + helper.system


def best(what: str, size: int, run: Callable[[], int]) -> float:
    """MB a second; the first time, which imports, does not count."""
    run()
    times = []
    for _ in range(TIMES):
        begin, wall = cpu_seconds(), time.perf_counter()
        run()
        times.append((cpu_seconds() - begin, time.perf_counter() - wall))
    least = min(cpu for cpu, _ in times)
    print(
        f"{what} | {size / 1e6:.1f} MB | {min(wall for _, wall in times):.2f} s | {least:.2f} s | {size / least / 1e6:.0f} MB/s"
    )
    return size / least / 1e6


def rows_of(data: bytes, path: str, **fields: object) -> int:
    reading = Reading("web", "web", fields.pop("format"), **fields)
    return sum(one.documents.num_rows for one in read(Extent(path, path), reading, opener({path: data})))


def extract_alone(html: bytes, charset: str | None) -> str:
    tree = HTMLTree.parse_from_bytes(html, charset or detect_encoding(html, from_html_meta=True))
    return extract_plain_text(tree, main_content=True)


def web() -> None:
    found = list(responses()) * 5
    size = sum(len(html) for html, _ in found)
    file = warc(*(response(html, charset=charset) for html, charset in found))
    packed = b"".join(gzip.compress(warc(response(html, charset=charset)), 6) for html, charset in found)
    alone = best(
        "Resiliparse alone: charset, parse, main text",
        size,
        lambda: sum(len(extract_alone(*one)) for one in found),
    )
    plain = best("WARC to documents", size, lambda: rows_of(file, "a.warc", format="warc"))
    best("WARC.gz to documents", size, lambda: rows_of(packed, "a.warc.gz", format="warc"))
    print(f"WARC to documents is {plain / alone:.2f} of the extractor alone (CPU)")


def parquet() -> None:
    texts = corpus()
    size = sum(len(text.encode()) for text in texts)
    sink = io.BytesIO()
    table = pa.table(
        {
            "text": texts,
            "url": [f"https://a.example/{n}" for n in range(len(texts))],
            "score": [0.5] * len(texts),
        }
    )
    pq.write_table(table, sink, compression="zstd", row_group_size=2000)
    best("Arrow alone: Parquet to Arrow", size, lambda: pq.read_table(io.BytesIO(sink.getvalue())).num_rows)
    lines = b"".join(orjson.dumps(row) + b"\n" for row in table.to_pylist())
    best("JSON lines to documents", size, lambda: rows_of(lines, "a.jsonl", format="jsonl"))
    best("Parquet to documents", size, lambda: rows_of(sink.getvalue(), "a.parquet", format="parquet"))


def corpus() -> list[str]:
    import json

    import zstandard

    found: list[str] = []
    for path in sorted(SHARED.glob("corpus/*.jsonl.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line)["text"] for line in file]
    return found


if __name__ == "__main__":
    print("what | raw | wall | CPU | rate")
    web()
    parquet()
