"""FORMAT FOLDER TARGET: what the consumer's own library reads in an exported folder, as TARGET.npz; run by its own Python."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def mds(folder: str) -> Iterator[dict[str, Any]]:
    """mosaicml-streaming, with the hash of every shard verified."""
    from streaming import StreamingDataset

    dataset = StreamingDataset(local=folder, shuffle=False, batch_size=1, validate_hash="sha256")
    for number in range(dataset.num_samples):
        yield dataset[number]


def megatron(folder: str) -> Iterator[dict[str, Any]]:
    """megatron-core's indexed datasets, side by side."""
    import pyarrow.parquet as pq
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    names = ("tokens", "segments", "loss")
    datasets = [IndexedDataset(f"{folder}/{name}", multimodal=False, mmap=True) for name in names]
    spans = pq.read_table(f"{folder}/spans.parquet")["spans"].to_pylist()
    for one in datasets:
        assert one.document_indices.tolist() == list(range(len(spans) + 1))
    for number, listed in enumerate(spans):
        row = {name: np.array(one[number]) for name, one in zip(names, datasets, strict=True)}  # they unmap
        yield {**row, "spans": [{**span, "id": span["id"].hex()} for span in listed]}


def webdataset(folder: str) -> Iterator[dict[str, Any]]:
    """Megatron-Energon, every sample once as in validation."""
    from megatron import energon

    @energon.edataclass
    class PackSample(energon.Sample):
        pack: dict[str, Any]

    @energon.stateless
    def cook(sample: dict[str, Any]) -> PackSample:
        pack = {name: sample[f"{name}.npy"] for name in ("tokens", "segments", "loss")}
        return PackSample(**energon.basic_sample_keys(sample), pack={**pack, "spans": sample["spans.json"]})

    class Encoder(energon.DefaultTaskEncoder):
        cookers = (energon.Cooker(cook),)

    dataset = energon.get_val_dataset(
        folder,
        split_part="train",
        worker_config=energon.WorkerConfig(rank=0, world_size=1, num_workers=0),
        batch_size=None,
        task_encoder=Encoder(),
    )
    for sample in energon.get_savable_loader(dataset):
        yield {**sample.pack, "key": sample.__key__}


def npy(folder: str) -> Iterator[dict[str, Any]]:
    """NumPy, mapped into memory."""
    import pyarrow.parquet as pq

    arrays = {name: np.load(f"{folder}/{name}.npy", mmap_mode="r") for name in ("tokens", "segments", "loss")}
    for number, listed in enumerate(pq.read_table(f"{folder}/spans.parquet")["spans"].to_pylist()):
        row = {name: array[number] for name, array in arrays.items()}
        yield {**row, "spans": [{**span, "id": span["id"].hex()} for span in listed]}


READERS = {"mds": mds, "megatron": megatron, "webdataset": webdataset, "npy": npy}


def read(name: str, folder: str) -> tuple[dict[str, np.ndarray], list[Any]]:
    """(arrays [packs, length], spans of each pack)."""
    rows = list(READERS[name](folder))
    rows.sort(key=lambda row: row.get("key", ""))
    arrays = {
        part: np.stack([np.asarray(row[part]) for row in rows]) for part in ("tokens", "segments", "loss")
    }
    return arrays, [row["spans"] for row in rows]


if __name__ == "__main__":
    found, listed = read(*sys.argv[1:3])
    np.savez(f"{sys.argv[3]}.npz", **found)
    Path(f"{sys.argv[3]}.json").write_text(json.dumps(listed))
