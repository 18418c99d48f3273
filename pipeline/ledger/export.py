"""Documents of a finished run as JSON lines or Parquet, for those who only curate.

A record is given back as it came, its text as the editors leave it: chosen columns and all other fields at the top, and beside
them `winnow_id`, `winnow_source`, and `winnow_copies` of what ships, or `winnow_stage` and `winnow_reason` of what was
dropped (with its text as it came). Read again by `winnow run`, everything but id and digest is what it was.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from pipeline.data import tables
from pipeline.data.new_folder import new_folder
from pipeline.data.schemas import DOCUMENTS, MEDIUM, PART
from pipeline.ledger import LedgerError, Run
from pipeline.steps.judge import piece_view
from pipeline.steps.taken import REASON, STAGE
from pipeline.steps.texts import texts
from pipeline.steps.view import with_chosen
from pipeline.steps.work import Piece

LEVEL = 3  # of zstd: level 19 takes 20 × the time for a tenth less
OWN = ("url", "date", "parts", "media", "parents")


@dataclass(frozen=True)
class Choice:
    """Which documents: those that ship, or those that were dropped (by a stage, for a reason)."""

    dropped: bool = False
    stage: str | None = None
    reason: str | None = None

    def mask(self, decisions: pa.RecordBatch) -> np.ndarray:
        """bool[n] over DECISIONS rows."""
        if not self.dropped:
            return np.asarray(pc.greater(decisions["copies"], 0))
        mask = pc.is_valid(decisions["stage"])
        for name, wanted in (("stage", self.stage), ("reason", self.reason)):
            mask = mask if wanted is None else pc.and_(mask, pc.equal(decisions[name], wanted))
        return np.asarray(pc.fill_null(mask, False))

    def check(self, run: Run) -> None:
        """LedgerError for a stage or reason that the run does not have."""
        stages = {stage.name: stage.rule.reasons for stage in run.work.placed.stages}
        stages |= {STAGE: (REASON,)} if run.work.taken else {}
        if self.stage is not None and self.stage not in stages:
            raise LedgerError(f"no stage {self.stage!r}; there are {', '.join(stages)}")
        asked = [stages[self.stage]] if self.stage is not None else stages.values()
        reasons = sorted({"empty", *(reason for given in asked for reason in given)})
        if self.reason is not None and self.reason not in reasons:
            raise LedgerError(f"no reason {self.reason!r}; there are {', '.join(reasons)}")


def chosen(run: Run, choice: Choice) -> Iterator[tuple[Piece, pa.RecordBatch]]:
    """(piece, documents with their decision beside them), in the order of ids within each piece."""
    for piece in sorted(run.pieces, key=lambda one: (one.input, one.first)):
        decided = tables.as_batch(run.decisions(piece))
        asked = choice.mask(decided)
        if not asked.any():
            continue
        cuts = None if choice.dropped else piece_view(run.work, piece, run.corpus).cuts(run.work.placed.edits)
        columns = tables.open_table(run.store, piece.documents).schema_arrow.names
        said, row = decided.filter(pa.array(asked)), 0
        for found in texts(piece, run.work, asked, cuts, columns):
            batch = with_chosen(found, run.work.placed.chosen)  # so that all files have the same columns
            yield piece, beside(batch, said.slice(row, batch.num_rows), choice)
            row += batch.num_rows


def beside(batch: pa.RecordBatch, said: pa.RecordBatch, choice: Choice) -> pa.RecordBatch:
    names = ("stage", "reason") if choice.dropped else ("copies",)
    for name in names:
        batch = batch.append_column(f"winnow_{name}", said[name])
    return batch


@dataclass(frozen=True)
class Exported:
    """What was written."""

    files: int
    documents: int
    bytes: int


def export(run: Run, target: str, form: str, text_field: str, choice: Choice) -> Exported:
    """Write the chosen documents below a new folder, a file a piece; see `new_folder`."""
    choice.check(run)
    if text_field.startswith("winnow_") or text_field in {*DOCUMENTS.names, *run.work.placed.chosen} - {
        "text"
    }:
        raise LedgerError(
            f"--text-field {text_field}: a column of that name stands beside the text; name another"
        )
    with new_folder(target) as folder:
        return write(run, folder, form, text_field, choice)


def write(run: Run, folder: str, form: str, text_field: str, choice: Choice) -> Exported:
    writer, suffix = FORMS[form]
    files = documents = size = 0
    for _, batches in groupby(chosen(run, choice), key=lambda one: one[0].name):
        with writer(os.path.join(folder, f"{files:05d}{suffix}"), text_field) as file:
            for _, batch in batches:
                file.write(batch)
                documents += batch.num_rows
                size += pc.sum(pc.binary_length(batch["text"])).as_py() or 0
        files += 1
    return Exported(files, documents, size)


class JsonLines:
    """One .jsonl.zst."""

    def __init__(self, path: str, text_field: str) -> None:
        self.path, self.text_field = path, text_field

    def __enter__(self) -> Self:
        self.file = zstandard.open(self.path, "wb", cctx=zstandard.ZstdCompressor(level=LEVEL))
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        lines = (orjson.dumps(record(row, self.text_field)) for row in batch.to_pylist())
        self.file.write(b"".join(line + b"\n" for line in lines))


def record(row: dict[str, Any], text_field: str) -> dict[str, Any]:
    """A document as the record it came from."""
    fields = {name: value for name, value in row.items() if value is not None and name not in HIDDEN}
    extra = orjson.loads(row["extra"]) if row["extra"] else {}
    if text_field in extra:
        raise LedgerError(
            f"document {row['id'].hex()} has a field {text_field!r} of its own; name another by --text-field"
        )
    if row["date"] is not None:
        fields["date"] = row["date"].isoformat()
    if row["parents"] is not None:
        fields["parents"] = [parent.hex() for parent in row["parents"]]
    if row["media"] is not None:
        fields["media"] = [medium(one) for one in row["media"]]
    return {
        **extra,
        text_field: row["text"],
        **fields,
        "winnow_id": row["id"].hex(),
        "winnow_source": row["source"],
    }


HIDDEN = ("id", "source", "digest", "text", "extra")


def medium(one: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in one.items() if value is not None}
    return known | ({"digest": known["digest"].hex()} if "digest" in known else {})


class ParquetFile:
    """One .parquet: DOCUMENTS less the digest, ids in hex, chosen columns and decision beside them."""

    def __init__(self, path: str, text_field: str) -> None:
        self.path, self.text_field = path, text_field
        self.writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        table = readable(batch, self.text_field)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.path, table.schema, **tables.options(table.schema))
        self.writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()


def readable(batch: pa.RecordBatch, text_field: str) -> pa.Table:
    """Columns of the types that other programs read without our help: ids and digests in hex."""
    columns: dict[str, pa.Array] = {"winnow_id": hexed(batch["id"]), "winnow_source": batch["source"]}
    for name in batch.schema.names:
        if name not in HIDDEN and name not in OWN:
            columns[name] = batch[name]
    columns[text_field] = batch["text"]
    columns |= {name: batch[name] for name in ("url", "date")}
    columns["parts"] = batch["parts"].cast(pa.list_(PART))
    columns["media"] = media_table(batch["media"])
    columns["parents"] = pa.array(
        [ids and [one.hex() for one in ids] for ids in batch["parents"].to_pylist()], pa.list_(pa.string())
    )
    columns["extra"] = batch["extra"]
    return pa.table(columns)


def hexed(ids: pa.Array) -> pa.StringArray:
    return pa.array([one.hex() for one in ids.to_pylist()], pa.string())


def media_table(media: pa.ListArray) -> pa.ListArray:
    fields = [pa.field("digest", pa.string()) if field.name == "digest" else field for field in MEDIUM]
    lists = [ones and [medium(one) for one in ones] for ones in media.to_pylist()]
    return pa.array(lists, pa.list_(pa.struct(fields)))


FORMS: dict[str, tuple[Callable[[str, str], Any], str]] = {
    "jsonl": (JsonLines, ".jsonl.zst"),
    "parquet": (ParquetFile, ".parquet"),
}
