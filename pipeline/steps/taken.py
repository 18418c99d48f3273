"""What was taken down: documents that ship no more, in this run and in every later one of the folder.

A takedown stands after everything else: statistics, copies, other verdicts stay as they are, so that only the packs that held
such a document change. TAKEDOWN names the list in force; the list is a table of (kind, value), kinds as in KINDS.
"""

import json
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import tables
from pipeline.data.store import Store

TAKEDOWN = "takedown.json"
FOLDER = "takedowns"
STAGE, REASON = "takedown", "taken_down"
KINDS = ("id", "digest", "url")  # columns of documents; ids and digests in hex
LIST = pa.schema([("kind", pa.string()), ("value", pa.string())])


def in_force(store: Store) -> str:
    """The name of the folder's list; empty where nothing was taken down."""
    return str(json.loads(store.read(TAKEDOWN))["list"]) if store.exists(TAKEDOWN) else ""


def taken(store: Store, name: str, documents: pa.RecordBatch) -> pa.BooleanArray:
    """The documents (columns id, digest, url) that a list names."""
    if not name:
        return pa.array([False] * documents.num_rows, pa.bool_())
    ids, digests, urls = listed(store, name)
    by_text = pc.or_(pc.is_in(documents["id"], ids), pc.is_in(documents["digest"], digests))
    return pc.or_(by_text, pc.is_in(documents["url"], urls))


@lru_cache(maxsize=4)
def listed(store: Store, name: str) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(ids, digests, URLs) of a list; a list never changes under its name."""
    rows = tables.read(store, name)
    ids, digests, urls = (
        rows.filter(pc.equal(rows["kind"], kind))["value"].combine_chunks() for kind in KINDS
    )
    return binary(ids), binary(digests), urls


def binary(values: pa.StringArray) -> pa.Array:
    return pa.array([bytes.fromhex(value) for value in values.to_pylist()], pa.binary(16))
