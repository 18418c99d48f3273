"""The manifest: which shards a trainer reads, and everything needed to read them right. It is written last.

`manifest.json` is for people and programs, `shards.parquet` the same list for engines. `verify` holds both against the bytes.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import __version__
from pipeline.data import tables
from pipeline.data.objects import store_at
from pipeline.data.schemas import SCHEMA_VERSION
from pipeline.data.store import Store
from pipeline.ship import shards as shard_files

if TYPE_CHECKING:  # a trainer has none of what encodes
    from pipeline.ship.tokenize import Tokenizer

FORMAT = "winnow-packs"
NAME, TABLE, FOLDER = "manifest.json", "shards.parquet", "shards"
SUMMED = (
    *("packs", "tokens", "padding", "least_packs", "documents", "cut_documents", "fragments", "long_tokens"),
    "bytes",
)
FIELDS = {"path": str, "sha256": str, "tokens_by_source": dict, **dict.fromkeys(SUMMED, int)}
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


def build(
    key: str, recipe: str, tokens: Mapping[str, Any], shards: Shards, run: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest's content. `tokens`: see `token_facts`; `run`: what our own tools need to read the run again."""
    return {
        "format": FORMAT,
        "schema": SCHEMA_VERSION,
        "code": __version__,
        "key": key,
        "tokens": dict(tokens),
        "totals": totals(shards),
        "shards": [dict(shard) for shard in shards],
        "recipe": recipe,
        "run": dict(run),
    }


def totals(shards: Shards) -> dict[str, Any]:
    """The sums over all shards."""
    by_source: dict[str, int] = {}
    for shard in shards:
        for source, count in shard["tokens_by_source"].items():
            by_source[source] = by_source.get(source, 0) + count
    sums = {name: sum(shard[name] for shard in shards) for name in SUMMED}
    return {**sums, "tokens_by_source": dict(sorted(by_source.items()))}


def table(shards: Shards) -> pa.Table:
    """The list of shards as a table, schema SHARDS."""
    return pa.Table.from_pylist([{name: shard[name] for name in SHARDS.names} for shard in shards], SHARDS)


def token_facts(encoder: "Tokenizer", pad_token: str, length: int) -> dict[str, Any]:
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


def write(store: Store, manifest: Mapping[str, Any], shards: Shards) -> None:
    """The table of shards, then the manifest, each in the place of the last one."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table(shards), buffer, **tables.options(SHARDS))
    store.replace(buffer.getvalue().to_pybytes(), TABLE)
    store.replace(json.dumps(manifest, ensure_ascii=False, indent=1).encode(), NAME)


def read(folder: str) -> dict[str, Any]:
    """The manifest of a folder; ValueError when there is none, or one that we do not know."""
    place = os.path.join(folder, NAME)
    try:
        manifest = json.loads(store_at(folder).read(NAME))
    except FileNotFoundError as error:
        raise ValueError(f"{folder}: no {NAME}; the run was not finished, run it again") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{place}: damaged ({error}); run again") from error
    if not isinstance(manifest, dict) or (manifest.get("format"), manifest.get("schema")) != (
        FORMAT,
        SCHEMA_VERSION,
    ):
        raise ValueError(f"{place}: not a manifest of {FORMAT}, schema {SCHEMA_VERSION}")
    return manifest


def superseded(folder: str) -> set[str]:
    """Shards of earlier manifests: they have a receipt, so they are no strangers; `winnow clean` removes them."""
    names = store_at(folder).list(f"receipts/{FOLDER}")
    return {f"{name.removeprefix('receipts/').removesuffix('.json')}.parquet" for name in names}


def verify(folder: str, known: Collection[str] = ()) -> list[str]:
    """Problems, each with its place: a missing, an extra or an altered shard, lists that disagree. Damage never raises.

    `known`: shards of earlier manifests that may still be there.
    """
    try:
        manifest = read(folder)
    except ValueError as error:
        return [str(error)]
    if broken := malformed(manifest):
        return [f"{NAME}: {broken}; run again"]
    shards, store = manifest["shards"], store_at(folder)
    return [
        *(problem for shard in shards for problem in altered(store, shard)),
        *strangers(store, {shard["path"] for shard in shards}.union(known)),
        *table_problems(store, shards),
        *(
            ()
            if manifest.get("totals") == totals(shards)
            else (f"{NAME}: totals are not the sums of its shards",)
        ),
    ]


def malformed(manifest: Mapping[str, Any]) -> str:
    """The first thing in a manifest's list of shards that is not as we write it; empty when all is."""
    shards = manifest.get("shards")
    if not isinstance(shards, list):
        return "has no list of shards"
    for place, shard in enumerate(shards):
        if not isinstance(shard, dict):
            return f"shards[{place}] is no object"
        for name, kind in FIELDS.items():
            if type(shard.get(name)) is not kind:
                return f"shards[{place}] has no {name}"
        if os.path.dirname(shard["path"]) != FOLDER:
            return f"shards[{place}] lies outside {FOLDER}/: {shard['path']}"
        if any(type(count) is not int for count in shard["tokens_by_source"].values()):
            return f"shards[{place}] has tokens_by_source that are no numbers"
    return ""


def altered(store: Store, shard: Mapping[str, Any]) -> Iterator[str]:
    """How a shard's file is not the one that the manifest names."""
    try:
        if (size := store.size(shard["path"])) != shard["bytes"]:
            yield f"{shard['path']}: {size:,} bytes, the manifest says {shard['bytes']:,}"
            return
        with store.open(shard["path"]) as file:
            if shard_files.sha256_from(file) != shard["sha256"]:
                yield f"{shard['path']}: its SHA-256 is not the one in the manifest"
    except FileNotFoundError:
        yield f"{shard['path']}: missing"
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        yield f"{shard['path']}: cannot be read ({error})"


def strangers(store: Store, named: Collection[str]) -> Iterator[str]:
    """Files among the shards that nobody names."""
    for name in store.list(FOLDER):
        if name not in named:
            yield f"{name}: extra, the manifest does not name it"


def table_problems(store: Store, shards: Shards) -> Iterator[str]:
    """Where the table of shards says other than the manifest."""
    try:
        rows = tables.read(store, TABLE)
    except (OSError, pa.ArrowException) as error:
        yield f"{TABLE}: {error}"
        return
    if rows.schema != SHARDS or rows.to_pylist() != table(shards).to_pylist():
        yield f"{TABLE}: does not list the shards of the manifest"
