"""WebDataset: one tar a shard, four files a pack, and the index by which Megatron-Energon opens the folder as it is.

`KEY.tokens.npy`, `KEY.segments.npy`, `KEY.loss.npy` and `KEY.spans.json`, where KEY is the shard's name and the pack's place in it.
For Energon (7.x, `flavors/webdataset`): beside each tar an index of uint64, where each sample begins and the last one ends, and in
`.nv-meta` the number of samples of each tar (`.info.json`), the split, all of it `train`, and the type of the dataset, crude
samples; the last two are JSON, which is YAML. `energon prepare` adds what only random access by key needs, `index.sqlite`.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator

import numpy as np

from pipeline.ship.formats.source import ARRAYS, Packs, Source, listed

META = ".nv-meta"


def write(source: Source, target: str) -> None:
    """The packs of the manifest, in its order."""
    counts = {}
    for path in source.paths:
        name = os.path.splitext(os.path.basename(path))[0]
        counts[f"{name}.tar"] = write_tar(source, path, name, target)
    meta = os.path.join(target, META)
    os.makedirs(meta)
    write_json(os.path.join(meta, ".info.json"), {"shard_counts": counts})
    write_json(os.path.join(meta, "split.yaml"), {"split_parts": {"train": list(counts)}, "exclude": []})
    dataset = {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}
    write_json(os.path.join(meta, "dataset.yaml"), dataset)


def write_tar(source: Source, path: str, name: str, target: str) -> int:
    """One shard as a tar with its index; how many samples it holds."""
    begins, row = [], 0
    with tarfile.open(os.path.join(target, f"{name}.tar"), "w", format=tarfile.USTAR_FORMAT) as tar:
        for packs in source.shard(path):
            for files in samples(packs):
                begins.append(tar.offset)
                for part, data in files.items():
                    info = tarfile.TarInfo(
                        f"{name}-{row:08d}.{part}"
                    )  # no time, no owner: equal packs, equal bytes
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                row += 1
        begins.append(tar.offset)
    with open(os.path.join(target, f"{name}.tar.idx"), "wb") as file:
        file.write(np.array(begins, "<u8").tobytes())
    return row


def samples(packs: Packs) -> Iterator[dict[str, bytes]]:
    """The files of each pack."""
    arrays = [getattr(packs, name) for name in ARRAYS]
    for *rows, spans in zip(*arrays, listed(packs.spans), strict=True):
        files = {f"{name}.npy": npy(row) for name, row in zip(ARRAYS, rows, strict=True)}
        yield {**files, "spans.json": json.dumps(spans, ensure_ascii=False).encode()}


def npy(row: np.ndarray) -> bytes:
    """An array as the bytes of a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, row, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def write_json(path: str, content: object) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
