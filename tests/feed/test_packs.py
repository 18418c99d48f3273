"""Packs as a trainer gets them: what was packed, in the manifest's order, or an error that names the shard."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.feed import Pack, Span, packs
from pipeline.ship import shards
from pipeline.ship.tokenize import Tokenizer, load
from tests.ship.made import END, folder, rows, train

POOLS = [[(number, 0, [number] * 10) for number in range(start, start + 40)] for start in (0, 40)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Tokenizer:
    return load(train(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"), END)


@pytest.fixture
def out(tmp_path: Path, encoder: Tokenizer) -> Path:
    folder(tmp_path, encoder, map(rows, POOLS))
    return tmp_path


def test_every_pack_comes_once_in_the_order_of_the_manifest(out: Path):
    found = list(packs(str(out)))
    written = [
        row for number in (0, 1) for row in shards.read(f"{out}/shards/0000{number}.parquet").to_pylist()
    ]
    assert [pack.tokens.tolist() for pack in found] == [row["tokens"] for row in written]
    assert [list(pack.spans) for pack in found] == [
        [Span(**span) for span in row["spans"]] for row in written
    ]


def test_documents_come_back_token_for_token(out: Path):
    found = {
        span.id: pack.tokens[span.start : span.stop].tolist()
        for pack in packs(str(out))
        for span in pack.spans
    }
    assert found == {number.to_bytes(16, "big"): text for pool in POOLS for number, _, text in pool}


def test_tokens_have_the_type_of_the_manifest(out: Path):
    first = next(packs(str(out)))
    assert isinstance(first, Pack)
    assert first.tokens.dtype == np.uint16
    assert first.tokens.shape == (32,)


def test_a_folder_without_packs_gives_none(tmp_path: Path, encoder: Tokenizer):
    folder(tmp_path, encoder, [])
    assert list(packs(str(tmp_path))) == []


@pytest.mark.parametrize(
    ("field", "value", "said"), [("dtype", "uint32", "uint32>[32]"), ("pack_tokens", 64, "uint16>[64]")]
)
def test_a_shard_of_another_type_is_refused_with_its_name_and_the_cure(
    out: Path, field: str, value: object, said: str
):
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["tokens"][field] = value
    (out / "manifest.json").write_text(json.dumps(manifest))
    problem = rf"shards/00000\.parquet: its tokens are .*uint16>\[32\], the manifest says .*{re.escape(said)}; .*verify"
    with pytest.raises(ValueError, match=problem):
        next(packs(str(out)))


def test_a_file_that_is_no_shard_is_refused_with_its_name(out: Path):
    pq.write_table(pa.table({"text": ["a"]}), out / "shards" / "00000.parquet")
    with pytest.raises(ValueError, match=r"00000\.parquet: its tokens are None"):
        next(packs(str(out)))


@pytest.mark.parametrize("damage", ["missing", "flipped"])
def test_a_missing_or_damaged_shard_is_an_error_with_its_name_and_the_cure(out: Path, damage: str):
    path = out / "shards" / "00001.parquet"
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.unlink()
    if damage == "flipped":
        path.write_bytes(data)
    with pytest.raises(OSError, match=r"00001\.parquet: .*; `winnow manifest verify`"):
        list(packs(str(out)))


def test_a_trainer_needs_numpy_and_pyarrow_and_nothing_else():
    program = (
        "import sys, numpy, pyarrow.parquet; before = set(sys.modules); import pipeline.feed\n"
        "new = {name: getattr(sys.modules[name], '__file__', None) or '' for name in {*sys.modules} - before}\n"
        "print([name for name, file in new.items() if 'site-packages' in file and name.split('.')[0] not in ('numpy', 'pyarrow')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
