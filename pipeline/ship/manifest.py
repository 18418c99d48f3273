"""The manifest: which shards a trainer reads, and everything needed to read them right. It is written last.

`manifest.json` is for people and programs, `shards.parquet` the same list for engines. `verify` holds both against the bytes.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import __version__
from pipeline.data import tables
from pipeline.data.schemas import SCHEMA_VERSION
from pipeline.data.store import LocalStore
from pipeline.ship import shards as shard_files
from pipeline.ship.tokenize import Tokenizer

NAME, TABLE, FOLDER = "manifest.json", "shards.parquet", "shards"
SUMMED = ("packs", "tokens", "padding", "least_packs", "documents", "cut_documents", "fragments", "bytes")
SHARDS = pa.schema(
    [
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("packs", pa.int64()),
        ("tokens", pa.int64()),
        ("documents", pa.int64()),
        ("tokens_by_source", pa.map_(pa.string(), pa.int64())),
    ]
)

Shards = Sequence[Mapping[str, Any]]


def build(key: str, recipe: str, tokens: Mapping[str, Any], shards: Shards, run: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's content. `tokens`: see `token_facts`; `run`: what our own tools need to read the run again."""
    by_source: dict[str, int] = {}
    for shard in shards:
        for source, count in shard["tokens_by_source"].items():
            by_source[source] = by_source.get(source, 0) + count
    totals = {name: sum(shard[name] for shard in shards) for name in SUMMED}
    return {
        "format": "winnow-packs",
        "schema": SCHEMA_VERSION,
        "code": __version__,
        "key": key,
        "tokens": dict(tokens),
        "totals": {**totals, "tokens_by_source": dict(sorted(by_source.items()))},
        "shards": [dict(shard) for shard in shards],
        "recipe": recipe,
        "run": dict(run),
    }


def token_facts(encoder: Tokenizer, pad_token: str, length: int) -> dict[str, Any]:
    """How tokens are to be read: length and alignment of packs, dtype, and the tokenizer with its special ids."""
    return {
        "pack_tokens": length,
        "aligned": "L",  # a pack is L tokens, not the L + 1 that Megatron reads at stride L
        "dtype": str(encoder.dtype),
        "vocabulary": len(encoder.ids),
        "tokenizer": encoder.digest,
        "engine": encoder.engine,
        "end_token": {"text": encoder.end_token, "id": encoder.token_id(encoder.end_token)},
        "pad_token": {"text": pad_token, "id": encoder.token_id(pad_token)},
    }


def write(store: LocalStore, manifest: Mapping[str, Any], shards: Shards) -> None:
    """The table of shards, then the manifest, each in the place of the last one."""
    rows = [{name: shard[name] for name in SHARDS.names} for shard in shards]
    temporary = store.temporary()
    pq.write_table(pa.Table.from_pylist(rows, SHARDS), temporary, **tables.options(SHARDS))
    with open(temporary, "rb") as file:
        store.replace(file.read(), TABLE)
    os.unlink(temporary)
    store.replace(json.dumps(manifest, ensure_ascii=False, indent=1).encode(), NAME)


def read(folder: str) -> dict[str, Any]:
    """The manifest of a folder; ValueError when there is none, or one that we do not know."""
    try:
        with open(os.path.join(folder, NAME), encoding="utf-8") as file:
            manifest: dict[str, Any] = json.load(file)
    except FileNotFoundError as error:
        raise ValueError(f"{folder}: no {NAME}; the run was not finished, run it again") from error
    except ValueError as error:
        raise ValueError(f"{folder}/{NAME}: damaged ({error})") from error
    if manifest.get("format") != "winnow-packs" or manifest.get("schema") != SCHEMA_VERSION:
        raise ValueError(f"{folder}/{NAME}: not a manifest of packs, schema {SCHEMA_VERSION}")
    return manifest


def verify(folder: str, known: Collection[str] = ()) -> Iterator[str]:
    """Problems, each with its place: a missing, an extra or an altered shard. `known`: earlier shards that may still be there."""
    try:
        manifest = read(folder)
    except ValueError as error:
        yield str(error)
        return
    named = {shard["path"]: shard for shard in manifest["shards"]}
    yield from (problem for shard in named.values() for problem in altered(folder, shard))
    for name in sorted(os.listdir(os.path.join(folder, FOLDER))) if os.path.isdir(os.path.join(folder, FOLDER)) else ():
        if (path := f"{FOLDER}/{name}") not in named and path not in known:
            yield f"{path}: extra, the manifest does not name it"
    yield from table_problems(folder, named)


def superseded(folder: str) -> set[str]:
    """Shards of earlier manifests: they have a receipt, so they are no strangers; `winnow clean` removes them."""
    receipts = os.path.join(folder, "receipts", FOLDER)
    names = os.listdir(receipts) if os.path.isdir(receipts) else ()
    return {f"{FOLDER}/{name.removesuffix('.json')}.parquet" for name in names}


def altered(folder: str, shard: Mapping[str, Any]) -> Iterator[str]:
    path = os.path.join(folder, shard["path"])
    if not os.path.exists(path):
        yield f"{shard['path']}: missing"
    elif (size := os.path.getsize(path)) != shard["bytes"]:
        yield f"{shard['path']}: {size:,} bytes, the manifest says {shard['bytes']:,}"
    elif shard_files.sha256(path) != shard["sha256"]:
        yield f"{shard['path']}: its SHA-256 is not the one in the manifest"


def table_problems(folder: str, named: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Where the table of shards says other than the manifest."""
    try:
        rows = pq.read_table(os.path.join(folder, TABLE)).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        yield f"{TABLE}: {error}"
        return
    if [(row["path"], row["sha256"]) for row in rows] != [(shard["path"], shard["sha256"]) for shard in named.values()]:
        yield f"{TABLE}: does not list the shards of the manifest"
