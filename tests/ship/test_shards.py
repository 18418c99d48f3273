"""One shard: equal packs, equal bytes; damage is noticed on reading."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data import schemas
from pipeline.ship import packs, shards
from tests.ship.made import rows


def made(count: int = 300, length: int = 64) -> pa.Table:
    chance = np.random.default_rng(0)
    pool = rows((number, 0, chance.integers(0, 60_000, 50).tolist()) for number in range(count))
    return packs.pack(pool, length, 0, 0, np.zeros(60_000, np.uint8))[0]


def test_a_shard_reads_back_as_it_was_written(tmp_path):
    shards.write(made(), str(tmp_path / "shard.parquet"))
    assert shards.read(str(tmp_path / "shard.parquet")) == made()
    assert shards.read(str(tmp_path / "shard.parquet"), ["spans"]).schema.names == ["spans"]


def test_equal_packs_give_equal_bytes_however_they_lie_in_memory(tmp_path):
    shards.write(made(), str(tmp_path / "one"))
    shards.write(pa.concat_tables([made().slice(0, 100), made().slice(100)]), str(tmp_path / "other"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_row_groups_hold_16_mib_of_tokens(tmp_path):
    length = 1 << 20
    tokens = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(17 * length, np.uint16)), length)
    spans = pa.array([[]] * 17, pa.list_(schemas.SPAN))
    shards.write(
        pa.table([tokens, spans], schema=schemas.packs(pa.uint16(), length)), str(tmp_path / "shard")
    )
    metadata = pq.ParquetFile(tmp_path / "shard").metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [8, 8, 1]


def test_a_flipped_bit_in_a_page_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "shard.parquet"
    shards.write(made(), str(path))
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"shard\.parquet: .*"):
        shards.read(str(path))


def test_a_missing_shard_is_an_error_that_names_it(tmp_path):
    with pytest.raises(OSError, match=r"shard\.parquet"):
        shards.read(str(tmp_path / "shard.parquet"))


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert shards.sha256(str(tmp_path / "file")) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
