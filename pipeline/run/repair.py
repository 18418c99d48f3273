"""What is damaged in an output folder, taken away so that the next run makes it anew: `winnow run RECIPE --repair`."""

from collections.abc import Iterator

from pipeline.data import receipts, slices
from pipeline.data.store import Store
from pipeline.run.driver import MANIFEST


def repair(store: Store) -> Iterator[str]:
    """Each damaged or missing file and each damaged receipt, by name, when it and every receipt that names it are gone.

    Reads every file of the folder once. The manifest and the last receipts go with the first of them: a run that finds those does
    not look at the steps before.
    """
    damaged: dict[str, str] = {}
    sound: dict[str, str] = {}  # file → digest, read once however many receipts name it
    for name in list(store.list(receipts.FOLDER)):
        wrong = wrong_receipt(store, name) or wrong_files(store, name, sound)
        if wrong:
            damaged |= wrong
            store.delete(name)
    if damaged:
        store.sweep(slices.FOLDER)  # what a killed run left there may be of marks that stood then
        for name in [*store.list(f"{receipts.FOLDER}/packs"), *filter(store.exists, [MANIFEST])]:
            store.delete(name)
    for name in damaged:
        if not name.startswith(receipts.FOLDER) and store.exists(name):
            store.delete(name)
    yield from (f"{name}: {what}" for name, what in damaged.items())


def wrong_receipt(store: Store, name: str) -> dict[str, str]:
    try:
        receipts.parse(store.read(name), receipts.step_of(name))
    except ValueError:
        return {name: "damaged receipt"}
    return {}


def wrong_files(store: Store, name: str, sound: dict[str, str]) -> dict[str, str]:
    """The files that a receipt names and that are not what it says."""
    found = {}
    for file, digest in receipts.get(store, receipts.step_of(name)).files.items():
        if file not in sound:
            sound[file] = receipts.stored_digest(store, file) if store.exists(file) else ""
        if sound[file] != digest:
            found[file] = "its bytes are not those of its receipt" if sound[file] else "missing"
    return found
