"""Each format read back by a reader that knows its layout and nothing of ours, compared with the packs; equal packs, equal bytes."""

import hashlib
import io
import json
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.feed import packs
from pipeline.ship.formats import FORMATS, export
from pipeline.ship.segments import masks
from pipeline.ship.tokenize import Tokenizer
from tests.feed.conftest import LENGTH
from tests.ship.made import folder, rows

Row = dict[str, Any]


def read_npy(path: Path) -> list[Row]:
    arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in ("tokens", "segments", "loss")}
    return [row | spans for row, spans in zip(by_row(arrays), spans_beside(path), strict=True)]


def read_megatron(path: Path) -> list[Row]:
    arrays = {name: sequences(path / name) for name in ("tokens", "segments", "loss")}
    return [row | spans for row, spans in zip(by_row(arrays), spans_beside(path), strict=True)]


def sequences(prefix: Path) -> list[np.ndarray]:
    """An indexed dataset, by the layout that Megatron-LM documents: one sequence a document."""
    index, data = prefix.with_suffix(".idx").read_bytes(), prefix.with_suffix(".bin").read_bytes()
    magic, version, code, count, documents = struct.unpack_from("<9sQBQQ", index)
    assert (magic, version) == (b"MMIDIDX\0\0", 1)
    dtype = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}[code]
    at = struct.calcsize("<9sQBQQ")
    sizes = np.frombuffer(index, "<i4", count, at)
    begins = np.frombuffer(index, "<i8", count, at + 4 * count)
    edges = np.frombuffer(index, "<i8", documents, at + 12 * count)
    assert len(index) == at + 12 * count + 8 * documents
    assert edges.tolist() == list(range(count + 1))
    return [np.frombuffer(data, dtype, size, begin) for size, begin in zip(sizes, begins, strict=True)]


def read_mds(path: Path) -> list[Row]:
    """Version 2 of MosaicML's format, hashes checked."""
    index = json.loads((path / "index.json").read_text())
    assert index["version"] == 2
    return [row for shard in index["shards"] for row in mds_shard(path, shard)]


def mds_shard(path: Path, shard: Row) -> list[Row]:
    data = (path / shard["raw_data"]["basename"]).read_bytes()
    assert len(data) == shard["raw_data"]["bytes"]
    assert hashlib.sha256(data).hexdigest() == shard["raw_data"]["hashes"]["sha256"]
    (count,) = struct.unpack_from("<I", data)
    assert count == shard["samples"]
    edges = np.frombuffer(data, "<u4", count + 1, 4).tolist()
    return [mds_sample(data[start:stop], shard) for start, stop in pairwise(edges)]


def mds_sample(data: bytes, shard: Row) -> Row:
    stream = io.BytesIO(data)
    sizes = [size or struct.unpack("<I", stream.read(4))[0] for size in shard["column_sizes"]]
    row: Row = {}
    for name, encoding, size in zip(shard["column_names"], shard["column_encodings"], sizes, strict=True):
        raw = stream.read(size)
        row[name] = json.loads(raw) if encoding == "json" else np.frombuffer(raw, encoding.split(":")[1])
    assert not stream.read()
    return row


def read_webdataset(path: Path) -> list[Row]:
    """The `webdataset` library, tar by tar; its own opener would leave them open."""
    from webdataset import autodecode, tariterators

    found, decode = [], autodecode.Decoder([])
    for tar in sorted(path.glob("*.tar")):
        with tar.open("rb") as stream:
            files = tariterators.tar_file_expander([{"stream": stream, "url": str(tar)}])
            for sample in map(decode, tariterators.group_by_keys(files)):
                row = {name: sample[f"{name}.npy"] for name in ("tokens", "segments", "loss")}
                found.append({**row, "spans": sample["spans.json"]})
    return found


def by_row(arrays: dict[str, Any]) -> list[Row]:
    return [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]


def spans_beside(path: Path) -> list[Row]:
    listed = pq.read_table(path / "spans.parquet")["spans"].to_pylist()
    return [{"spans": [{**span, "id": span["id"].hex()} for span in pack]} for pack in listed]


READERS: dict[str, Callable[[Path], list[Row]]] = {
    "npy": read_npy,
    "megatron": read_megatron,
    "mds": read_mds,
    "webdataset": read_webdataset,
}


def test_every_format_has_a_reader():
    assert set(READERS) == set(FORMATS)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_documents_and_masks_come_back_as_they_are_in_the_packs(fed: str, tmp_path: Path, name: str):
    export(fed, name, str(tmp_path / name))
    found, listed = READERS[name](tmp_path / name), list(packs(fed))
    assert len(found) == len(listed)
    for row, pack in zip(found, listed, strict=True):
        assert row["tokens"].tolist() == pack.tokens.tolist()
        assert row["spans"] == [{**vars(span), "id": span.id.hex()} for span in pack.spans]
        for number, span in enumerate(pack.spans, 1):
            part = slice(span.start, span.stop)
            assert row["segments"][part].tolist() == [number] * (span.stop - span.start)
            assert row["loss"][part].astype(int).tolist() == [0, *[1] * (span.stop - span.start - 1)]
        rest = slice(pack.spans[-1].stop, None)
        assert not row["segments"][rest].any()
        assert not row["loss"][rest].any()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_equal_packs_give_equal_bytes(fed: str, tmp_path: Path, name: str):
    for target in ("one", "other"):
        export(fed, name, str(tmp_path / target))
    one, other = (
        {path.relative_to(tmp_path / target): path.read_bytes() for path in files_of(tmp_path / target)}
        for target in ("one", "other")
    )
    assert one == other
    assert one


def files_of(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file())


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_ids_of_32_bits_come_back(tmp_path: Path, encoder: Tokenizer, name: str):
    """Megatron has no uint32: its reader gets the same numbers as int32."""
    import pyarrow as pa

    from pipeline.ship.formats.source import Source

    pool = rows([(1, 0, [70_000, 5, 3])], pa.uint32())
    folder(tmp_path / "out", encoder, [pool], 4)
    manifest = tmp_path / "out" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"uint16"', '"uint32"'))
    (tmp_path / name).mkdir()
    FORMATS[name](Source.of(str(tmp_path / "out")), str(tmp_path / name))
    (row,) = READERS[name](tmp_path / name)
    assert row["tokens"].tolist()[:3] == [70_000, 5, 3]


def test_mds_shards_end_before_their_limit(fed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from pipeline.ship.formats import mds

    monkeypatch.setattr(mds, "SIZE_LIMIT", 20_000)
    export(fed, "mds", str(tmp_path / "mds"))
    shards = json.loads((tmp_path / "mds" / "index.json").read_text())["shards"]
    head = len(json.dumps({name: shards[0][name] for name in shards[0] if name in KEPT}))
    assert len(shards) > 3
    assert all(one["raw_data"]["bytes"] <= 20_000 + head + 100 for one in shards)
    assert len(read_mds(tmp_path / "mds")) == len(list(packs(fed)))


KEPT = (
    "version",
    "format",
    "compression",
    "hashes",
    "size_limit",
    "column_names",
    "column_encodings",
    "column_sizes",
)


def test_the_index_of_a_tar_says_where_each_sample_begins_as_energon_reads_it(fed: str, tmp_path: Path):
    import tarfile

    export(fed, "webdataset", str(tmp_path / "tars"))
    info = json.loads((tmp_path / "tars" / ".nv-meta" / ".info.json").read_text())
    for name, count in info["shard_counts"].items():
        begins = np.fromfile(tmp_path / "tars" / f"{name}.idx", "<u8").tolist()
        with tarfile.open(tmp_path / "tars" / name) as tar:
            members = tar.getmembers()
            assert begins == [*(one.offset for one in members[::4]), tar.offset]
        assert len(begins) == count + 1
        assert len({one.name.split(".")[0] for one in members}) == count


def test_a_tar_has_no_time_and_no_owner(fed: str, tmp_path: Path):
    import tarfile

    export(fed, "webdataset", str(tmp_path / "tars"))
    with tarfile.open(next((tmp_path / "tars").glob("*.tar"))) as tar:
        assert {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in tar} == {(0, 0, 0, "", "")}


def test_segments_are_those_of_the_feed(fed: str, tmp_path: Path):
    from pipeline.feed import Feed

    export(fed, "npy", str(tmp_path / "npy"))
    arrays = read_npy(tmp_path / "npy")
    first = np.cumsum(
        [0, *(one["packs"] for one in json.loads((Path(fed) / "manifest.json").read_text())["shards"])]
    )
    for batch in Feed(fed, 1, epochs=1):
        _, shard, row = batch.place[0].tolist()
        expected = masks(batch.spans, LENGTH)
        assert arrays[first[shard] + row]["segments"].tolist() == expected.segments[0].tolist()


def test_an_export_that_was_ended_leaves_no_folder_and_does_not_hinder_the_next(fed: str, tmp_path: Path):
    (tmp_path / "npy.part").mkdir()
    (tmp_path / "npy.part" / "tokens.npy").write_bytes(b"half")
    export(fed, "npy", str(tmp_path / "npy"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["npy"]


def test_what_cannot_be_exported_is_refused_with_the_cure(fed: str, tmp_path: Path, encoder: Tokenizer):
    with pytest.raises(ValueError, match="no format 'tfrecord'; there are megatron, mds, webdataset, npy"):
        export(fed, "tfrecord", str(tmp_path / "out"))
    (tmp_path / "there/before").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="is there already; name a new folder"):
        export(fed, "npy", str(tmp_path / "there"))
    folder(tmp_path / "none", encoder, [], LENGTH)
    with pytest.raises(ValueError, match="names no packs"):
        export(str(tmp_path / "none"), "npy", str(tmp_path / "out"))
