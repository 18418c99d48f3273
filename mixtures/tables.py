"""Runs: the shares of every proxy run and its loss on every target, read from two tables and checked cell by cell.

A table is CSV or Parquet. Its first column names the run; the others are domains (shares of the training tokens) or
targets (losses, lower is better). RegMix's names are shortened: `train_the_pile_arxiv` is the domain `the_pile_arxiv`,
`metric/the_pile_arxiv_val_loss` or `valid_the_pile_arxiv` the target `the_pile_arxiv`.
"""

import csv
import hashlib
import io
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

SUM_TOLERANCE = 0.01  # RegMix rounds its shares: its rows sum to 0.996 … 1.003
SUM_EXACT = 1e-9
SHOWN = 8  # mistakes of a table that are printed
_DOMAIN = re.compile(r"^train_")
_TARGET = re.compile(r"^(metric/|valid_)|(_val)?_loss$")


class TableError(ValueError):
    """What is wrong in a table: file, row, column, value and cure, a line each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        more = [f"and {len(mistakes) - SHOWN} more"] if len(mistakes) > SHOWN else []
        super().__init__("\n".join([*mistakes[:SHOWN], *more]))


@dataclass(frozen=True)
class Table:
    """Numbers with the names of their rows and columns; `values` is float64[rows, columns], finite."""

    file: str
    runs: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    digest: str
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where row `row` stands: its line in a CSV file, its number in Parquet."""
        return place(self.file, row)


@dataclass(frozen=True)
class Runs:
    """What proxies taught: float64 `shares`[runs, domains] (rows sum to 1) and `losses`[runs, targets]."""

    runs: tuple[str, ...]
    domains: tuple[str, ...]
    targets: tuple[str, ...]
    shares: np.ndarray
    losses: np.ndarray
    digests: dict[str, str]
    notes: tuple[str, ...] = ()

    def head(self, n: int) -> "Runs":
        """The first n runs."""
        return Runs(
            self.runs[:n],
            self.domains,
            self.targets,
            self.shares[:n],
            self.losses[:n],
            self.digests,
            self.notes,
        )

    def only(self, targets: Iterable[str]) -> "Runs":
        """The same runs with some of their targets, in the order asked for."""
        names = tuple(targets)
        columns = [self.targets.index(name) for name in names]
        return Runs(
            self.runs, self.domains, names, self.shares, self.losses[:, columns], self.digests, self.notes
        )


def place(file: str, row: int) -> str:
    return f"{file}: row {row + 1}" if file.endswith(".parquet") else f"{file}:{row + 2}"


def digest(path: str) -> str:
    """sha256 of a file."""
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


def read_runs(shares: str, losses: str, domains: Sequence[str] = ()) -> Runs:
    """Both tables, joined by run in the order of the first. `domains`: those that the shares must have, in that order.

    Raises TableError for cells that are no finite number, shares below 0 or whose sum is off by more than 1 %, runs,
    domains or columns that stand in one place and not in the other, and rows that repeat another one.
    """
    mixtures, measured = read_shares(shares, domains), read_table(losses, _TARGET)
    known, had = {run: row for row, run in enumerate(measured.runs)}, set(mixtures.runs)
    lost = [
        f"{mixtures.place(row)}: run {run!r} has no losses in {losses}"
        for row, run in enumerate(mixtures.runs)
        if run not in known
    ]
    lost += [
        f"{measured.place(row)}: run {run!r} has no shares in {shares}"
        for row, run in enumerate(measured.runs)
        if run not in had
    ]
    if lost:
        raise TableError([f"{one}; add it, or take the row out" for one in lost])
    values = measured.values[[known[run] for run in mixtures.runs]]
    refuse(repeats(mixtures, np.hstack([mixtures.values, values]), "shares and losses"))
    return Runs(
        mixtures.runs,
        mixtures.names,
        measured.names,
        mixtures.values,
        values,
        {shares: mixtures.digest, losses: measured.digest},
        mixtures.notes,
    )


def read_shares(path: str, domains: Sequence[str] = ()) -> Table:
    """A table of mixtures, its rows normalised to 1; what was normalised is said in its notes."""
    table = read_table(path, _DOMAIN)
    if domains:
        table = ordered(table, domains)
    negative = [
        f"{table.place(row)}: column {table.names[column]!r}: share {table.values[row, column]:g} is below 0; correct it, or take the run out"
        for row, column in np.argwhere(table.values < 0)
    ]
    sums = table.values.sum(axis=1)
    off = np.abs(sums - 1)
    wrong = [
        f"{table.place(int(row))}: the shares of run {table.runs[row]!r} sum to {sums[row]:.4f}; they must sum to 1, so correct them, or take the run out"
        for row in np.flatnonzero(off > SUM_TOLERANCE)
    ]
    refuse([*negative, *wrong])
    loose = np.flatnonzero(off > SUM_EXACT)
    notes = (loose_sums(table, sums, loose),) if len(loose) else ()
    values = table.values / sums[:, None]
    return Table(path, table.runs, table.names, values, table.digest, notes)


def loose_sums(table: Table, sums: np.ndarray, rows: np.ndarray) -> str:
    """What is said when rows were normalised."""
    some = sums[rows]
    return (
        f"{table.file}: {len(rows)} of {len(sums)} rows summed to {some.min():.4f} … {some.max():.4f} "
        f"(first: {table.place(int(rows[0]))}) and were divided by their sum"
    )


def ordered(table: Table, domains: Sequence[str]) -> Table:
    """The same table with its columns in the order of `domains`; both must have the same ones."""
    missing = [f"{table.file}: domain {name!r} has no column" for name in domains if name not in table.names]
    extra = [
        f"{table.file}: column {name!r} is no known domain" for name in table.names if name not in domains
    ]
    if missing or extra:
        cure = "each domain must stand in both, under the same name"
        raise TableError([f"{one}; {cure}" for one in [*missing, *extra]])
    columns = [table.names.index(name) for name in domains]
    return Table(table.file, table.runs, tuple(domains), table.values[:, columns], table.digest, table.notes)


def read_table(path: str, prefixes: re.Pattern[str]) -> Table:
    """A table as it stands, names shortened by taking `prefixes` out."""
    try:
        arrow = load(path)
    except FileNotFoundError as error:
        raise TableError(
            [f"{path}: there is no such file; paths are relative to the current directory"]
        ) from error
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        form = "a table is CSV in UTF-8, every row as long as the first, or Parquet (.parquet)"
        raise TableError([f"{path}: {error}; {form}"]) from error
    if arrow.num_columns < 2 or not arrow.num_rows:
        raise TableError([f"{path}: needs a column of run names, one or more columns of numbers, and rows"])
    names = tuple(prefixes.sub("", name) for name in arrow.column_names[1:])
    twice = sorted({name for name in names if names.count(name) > 1 or not name})
    refuse([f"{path}: column {name!r} stands more than once; keep one" for name in twice])
    runs = tuple(str(run) for run in arrow.column(0).to_pylist())
    values = np.full((arrow.num_rows, len(names)), np.nan)
    mistakes: list[str] = []
    for column, name in enumerate(names):
        values[:, column], found = numbers(arrow.column(column + 1), path, name)
        mistakes += found
    refuse(mistakes)
    first: dict[str, int] = {}
    for row, run in enumerate(runs):
        if first.setdefault(run, row) != row:
            mistakes.append(
                f"{place(path, row)}: run {run!r} stands twice, first at {place(path, first[run])}; keep one"
            )
    refuse(mistakes)
    return Table(path, runs, names, values, digest(path))


def load(path: str) -> pa.Table:
    """CSV as text, so that every cell can be named; Parquet as it is."""
    if path.endswith(".parquet"):
        return pyarrow.parquet.read_table(path)
    text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(csv_names(path), pa.string()))
    one = pyarrow.csv.ReadOptions(use_threads=False)  # Arrow names the row of a mistake only then
    return pyarrow.csv.read_csv(path, one, convert_options=text)


def csv_names(path: str) -> list[str]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return next(filter(None, csv.reader(file)), [])


def numbers(column: pa.ChunkedArray, path: str, name: str) -> tuple[np.ndarray, list[str]]:
    """float64[rows] and what is no finite number among them."""
    cells, mistakes = column.to_pylist(), []
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        try:
            values[row] = float(cell) if cell not in (None, "") else np.nan
        except (TypeError, ValueError):
            values[row] = np.nan
        if not np.isfinite(values[row]):
            shown = "empty" if cell in (None, "") else repr(cell)
            mistakes.append(
                f"{place(path, row)}: column {name!r}: {shown} is no finite number; give one, or take the run out"
            )
    return values, mistakes


def repeats(table: Table, rows: np.ndarray, what: str) -> list[str]:
    """Rows that are equal to an earlier one."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    return [
        f"{table.place(row)}: run {table.runs[row]!r} repeats {what} of run {table.runs[first[inverse[row]]]!r} "
        f"at {table.place(int(first[inverse[row]]))}; keep one"
        for row in range(len(rows))
        if first[inverse[row]] != row
    ]


def write_csv(path: str, names: Sequence[str], runs: Sequence[str], rows: Iterable[Iterable[float]]) -> None:
    """A table that `read_table` gives back digit for digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *names])
    writer.writerows([run, *row] for run, row in zip(runs, rows, strict=True))
    publish(path, text.getvalue())


def publish(path: str, text: str) -> None:
    """A file, whole or not at all; of several hosts that write the same one, the last stays."""
    part = Path(f"{path}.{platform.node()}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


def refuse(mistakes: Sequence[str]) -> None:
    """Raise TableError if there are any."""
    if mistakes:
        raise TableError(mistakes)
