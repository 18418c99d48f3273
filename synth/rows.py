"""Files of rows → rows, each with its place: JSON lines (plain, .gz, .zst) and Parquet, in the order of their names."""

import glob
import gzip
import io
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow.parquet as pq
import zstandard

Row = Mapping[str, Any]


def read(pattern: str) -> Iterator[tuple[str, Row]]:
    """(FILE:LINE, row), lines (rows of Parquet) from 1. Raises ValueError for no file, another ending, a line that is no object."""
    paths = sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise ValueError(
            f"{pattern}: no file is called so; rows come from .jsonl, .jsonl.gz, .jsonl.zst or .parquet"
        )
    for path in paths:
        for number, row in parquet(path) if path.endswith(".parquet") else lines(path):
            yield f"{path}:{number}", row


def parquet(path: str) -> Iterator[tuple[int, Row]]:
    batches = pq.ParquetFile(path).iter_batches(1_000)
    return enumerate((row for batch in batches for row in batch.to_pylist()), 1)


def lines(path: str) -> Iterator[tuple[int, Row]]:
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}:{number}: must be an object, not {type(row).__name__}")  # noqa: TRY004  # bad data, not a bad call
            yield number, row


def opened(path: str) -> io.BufferedReader | gzip.GzipFile:
    if path.endswith(".gz"):
        return gzip.open(path, "rb")
    if path.endswith(".zst"):
        return io.BufferedReader(zstandard.open(path, "rb"))
    if not path.endswith((".jsonl", ".json", ".ndjson")):
        raise ValueError(f"{path}: rows come from .jsonl, .jsonl.gz, .jsonl.zst or .parquet")
    return open(path, "rb")  # closed by who reads the lines
