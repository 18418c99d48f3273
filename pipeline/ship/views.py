"""`winnow.sql`: views over a run's files, so that DuckDB answers questions in SQL at once. Run it in the output folder.

    cd out && duckdb -init winnow.sql

`documents` (with `row` and `piece`), `decisions`, `quarantine`, `packs` (a row a span), `shards`, and one view a stage, named as the
stage is: its columns by document, or what a comparison marked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

NAME = "winnow.sql"


@dataclass(frozen=True)
class Layout:
    """Where the files of one finished run lie, relative to its folder."""

    documents: Sequence[str]
    decisions: Sequence[str]
    quarantine: Sequence[str]
    shards: Sequence[str]
    columns: Mapping[
        str, Sequence[Sequence[str]]
    ]  # by stage: the files of each of its measures, piece by piece
    marks: Mapping[str, Sequence[str]]  # by comparison


def sql(layout: Layout) -> str:
    """The statements, the same for the same run."""
    return "\n".join([*statements(layout), ""])


def statements(layout: Layout) -> Iterator[str]:
    yield "-- Views over a run of winnow; the paths are relative to this folder."
    if layout.documents:
        yield view(
            "documents",
            f"SELECT * EXCLUDE (file_row_number, filename), {PLACE} FROM {files(layout.documents)}",
        )
        yield view(
            "decisions", f"SELECT * EXCLUDE (file_row_number, filename) FROM {files(layout.decisions)}"
        )
        for stage, measures in layout.columns.items():
            if measures:
                yield view(stage, columns(measures))
    for stage, marks in layout.marks.items():
        if marks:
            yield view(stage, f"SELECT * EXCLUDE (file_row_number, filename) FROM {files(marks)}")
    if layout.quarantine:
        yield view(
            "quarantine", f"SELECT * EXCLUDE (file_row_number, filename) FROM {files(layout.quarantine)}"
        )
    if layout.shards:
        spans = f"SELECT filename AS shard, file_row_number AS pack, unnest(spans, recursive := true) FROM {files(layout.shards)}"
        yield view("packs", spans)
        yield view("shards", "SELECT * FROM read_parquet('shards.parquet')")


PLACE = "file_row_number AS row, parse_filename(filename, true) AS piece"


def columns(measures: Sequence[Sequence[str]]) -> str:
    """The columns of several measures, row for row, with the id of each document."""
    joined = "documents"
    for number, names in enumerate(measures):
        table = f"(SELECT * EXCLUDE (file_row_number, filename), {PLACE} FROM {files(names)}) AS m{number}"
        joined += f" JOIN {table} USING (piece, row)"
    own = ", ".join(f"m{number}.* EXCLUDE (piece, row)" for number in range(len(measures)))
    return f"SELECT documents.id, documents.source, {own} FROM {joined}"


def view(name: str, body: str) -> str:
    return f"CREATE OR REPLACE VIEW {quoted(name, chr(34))} AS {body};"


def files(names: Sequence[str]) -> str:
    listed = ", ".join(quoted(name, "'") for name in names)
    return f"read_parquet([{listed}], filename = true, file_row_number = true, union_by_name = true)"


def quoted(text: str, mark: str) -> str:
    return f"{mark}{text.replace(mark, mark * 2)}{mark}"
