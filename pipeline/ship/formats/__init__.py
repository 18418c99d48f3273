"""Packs → the files of other trainers' loaders: `export(folder, format, target)`, and one module a format.

Every format holds three arrays a pack, [length] each: `tokens`; `segments`, 1, 2, … for its documents in their order and 0 for
padding; and `loss`, whether a token counts as a target (see `ship.segments`). And it holds the pack's spans, so that a training
step can be traced to documents. Bytes depend on the packs alone.
"""

from collections.abc import Callable

from pipeline.data.new_folder import new_folder
from pipeline.ship.formats import mds, megatron, npy, webdataset
from pipeline.ship.formats.source import Source

FORMATS: dict[str, Callable[[Source, str], None]] = {
    "megatron": megatron.write,
    "mds": mds.write,
    "webdataset": webdataset.write,
    "npy": npy.write,
}


def export(folder: str, name: str, target: str) -> None:
    """The packs of a finished run in another format, in a new folder; see `new_folder`.

    ValueError for an unknown format or a folder without packs; FileExistsError for a target that holds something; OSError and
    ValueError as in `shards.groups`.
    """
    if name not in FORMATS:
        raise ValueError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    source = Source.of(folder)
    if not source.count:
        raise ValueError(f"{folder}: its manifest names no packs, there is nothing to export")
    with new_folder(target) as part:
        FORMATS[name](source, part)
