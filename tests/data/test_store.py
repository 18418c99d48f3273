"""The store's promise: a name appears whole, once, and stays."""

import os
import threading
from pathlib import Path

import pytest

from pipeline.data.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path))


def test_the_first_to_publish_a_name_wins_and_the_loser_leaves_nothing(store: LocalStore):
    assert store.put(b"first", "a/b")
    assert not store.put(b"second", "a/b")
    assert store.read("a/b") == b"first"
    assert os.listdir(store.path("tmp")) == []


def test_of_many_racing_writers_exactly_one_wins_and_readers_see_its_bytes(store: LocalStore):
    wins: list[bytes] = []

    def race(data: bytes) -> None:
        if store.put(data, "name"):
            wins.append(data)

    threads = [threading.Thread(target=race, args=(bytes([n]) * 100_000,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wins == [store.read("name")]


def test_reading_a_range_counts_from_either_end(store: LocalStore):
    store.put(b"0123456789", "n")
    assert store.read("n", 2, 5) == b"234"
    assert store.read("n", -3) == b"789"


def test_a_listing_is_sorted_and_an_absent_folder_holds_nothing(store: LocalStore):
    for name in ("f/b/2", "f/a", "f/b/1", "g"):
        store.put(b"", name)
    assert list(store.list("f")) == ["f/a", "f/b/1", "f/b/2"]
    assert list(store.list("nowhere")) == []


def test_deleting_takes_emptied_folders_along_and_nothing_else(store: LocalStore):
    store.put(b"", "a/b/c")
    store.put(b"", "a/d")
    store.delete("a/b/c")
    assert list(store.list("a")) == ["a/d"]
    assert not os.path.exists(store.path("a/b"))
    store.delete("a/d")
    assert not os.path.exists(store.path("a"))
    assert os.path.exists(store.root)


def test_replacing_is_for_the_one_name_that_moves_on(store: LocalStore):
    store.replace(b"old", "manifest")
    store.replace(b"new", "manifest")
    assert store.read("manifest") == b"new"


def test_a_name_is_on_disk_before_it_is_seen(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    """Flushed first, linked second: a crash between the two leaves no half file under the name."""
    calls: list[str] = []
    link, fsync = os.link, os.fsync
    monkeypatch.setattr(os, "link", lambda *a: (calls.append("link"), link(*a))[1])
    monkeypatch.setattr(os, "fsync", lambda *a: (calls.append("fsync"), fsync(*a))[1])
    store.put(b"x", "y")
    assert calls == ["fsync", "link", "fsync"]
