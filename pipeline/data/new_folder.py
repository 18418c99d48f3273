"""A folder that is there once all of its files are written; or objects below a bucket's URL, sent when the last is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.data.objects import PARTIAL, ObjectStore, remote


@contextmanager
def new_folder(target: str) -> Iterator[str]:
    """Where to write; it gets its name when the block ends well, else nothing is left. FileExistsError when something is there."""
    if remote(target):
        yield from to_bucket(ObjectStore(target.rstrip("/")))
        return
    if os.path.exists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise taken(target)
    partial = f"{target.rstrip(os.sep)}.part"
    shutil.rmtree(partial, ignore_errors=True)  # of one that was ended
    os.makedirs(partial)
    try:
        yield partial
        if os.path.isdir(target):
            os.rmdir(target)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial)
        raise


def to_bucket(store: ObjectStore) -> Iterator[str]:
    """A folder on this machine, whose files become objects: it needs as much room on disk."""
    if store.top():
        raise taken(store.root)
    with tempfile.TemporaryDirectory(prefix=PARTIAL) as folder:
        yield folder
        for path in sorted(one for one in Path(folder).rglob("*") if one.is_file()):
            store.create(path, path.relative_to(folder).as_posix())


def taken(target: str) -> FileExistsError:
    return FileExistsError(f"{target}: is there already; name a new folder, or remove it")
