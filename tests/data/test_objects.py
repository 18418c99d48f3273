"""A bucket keeps the store's promise: a name appears whole, once, and stays; what breaks off on the way is tried again."""

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.data import objects, tables
from pipeline.data.objects import ObjectStore, StoreError, store_at
from pipeline.data.store import LocalStore
from pipeline.steps.plan import list_files
from tests.buckets import Bucket, s3_environment, upload


@pytest.fixture
def store(bucket: Bucket, request: pytest.FixtureRequest) -> ObjectStore:
    return ObjectStore(f"{bucket.url}/{request.node.originalname}")


def partials() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{objects.PARTIAL}*"))


def test_a_root_says_what_kind_of_store_it_is():
    assert store_at("out") == LocalStore("out")
    assert store_at("s3://bucket/out/") == ObjectStore("s3://bucket/out")


def test_the_first_to_publish_a_name_wins_and_the_loser_leaves_nothing(store: ObjectStore):
    before = set(partials())
    for data in (b"first", b"second"):
        Path(temporary := store.temporary()).write_bytes(data)
        assert store.publish(temporary, "a/b") == (data == b"first")
    assert store.read("a/b") == b"first"
    assert set(partials()) <= before


@pytest.mark.parametrize("size", [100_000, 12_000_000])
def test_of_many_racing_writers_exactly_one_wins_and_readers_see_its_bytes(store: ObjectStore, size: int):
    """Large ones are refused by some servers before they are read: the client sees a broken connection."""
    wins: list[bytes] = []

    def race(data: bytes) -> None:
        if store.put(data, f"name-{size}"):
            wins.append(data)

    threads = [threading.Thread(target=race, args=(bytes([n]) * size,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wins == [store.read(f"name-{size}")]


def test_reading_is_as_from_a_disk(store: ObjectStore, tmp_path: Path):
    local = LocalStore(str(tmp_path))
    for one in (store, local):
        one.put(b"0123456789", "n")
        one.put(b"", "empty")
    for start, stop in ((0, None), (2, 5), (4, None), (-3, None), (3, 3), (8, 99)):
        assert store.read("n", start, stop) == local.read("n", start, stop), (start, stop)
    for one in (store, local):
        with one.open("n") as file:
            assert (file.size(), file.seek(-2, os.SEEK_END), file.read(), file.read()) == (10, 8, b"89", b"")
        assert (one.read("empty"), one.size("n"), one.exists("n"), one.exists("m")) == (b"", 10, True, False)
        with pytest.raises(FileNotFoundError, match="m"):
            one.read("m")
        with pytest.raises(FileNotFoundError, match="m"):
            one.open("m").read()


def test_listing_deleting_and_sweeping_are_as_on_a_disk(store: ObjectStore, tmp_path: Path):
    local = LocalStore(str(tmp_path))
    for one in (store, local):
        for name in ("f/b/2", "f/a", "f/b/1", "fb", "g/h"):
            one.put(b"", name)
        assert list(one.list("f")) == ["f/a", "f/b/1", "f/b/2"]
        assert one.top() - {"tmp"} == {"f", "fb", "g"}
        one.delete("f/b/1")
        one.sweep("g")
        one.sweep("nothing")
        assert list(one.list("f")) == ["f/a", "f/b/2"]
        assert list(one.list("g")) == []
        assert list(one.list("nowhere")) == []


def test_replacing_is_for_the_one_name_that_moves_on(store: ObjectStore):
    store.replace(b"old", "manifest")
    store.replace(b"new", "manifest")
    assert store.read("manifest") == b"new"


def test_leftovers_of_dead_processes_go_after_a_day(store: ObjectStore):
    old, new = store.temporary(), store.temporary()
    os.utime(old, (1, 1))
    store.sweep()
    assert not os.path.exists(old)
    assert os.path.exists(new)
    os.unlink(new)


PATHS = (
    "a.jsonl",
    "b.jsonl.zst",
    "deep/c.jsonl",
    "deep/er/d.jsonl",
    "deep/.hidden/e.jsonl",
    ".f.jsonl",
    "名 字.jsonl",
)


@pytest.mark.parametrize("pattern", [
    "", "/", "/*.jsonl", "/*.jsonl*", "/deep", "/deep/*", "/**/*.jsonl", "/**", "/?.jsonl", "/[ab].jsonl*", "/a.jsonl",
    "/*/*/*.jsonl", "/nothing", "/d*/**/d.jsonl", "/deep/er/d.jsonl",
])  # fmt: skip
def test_patterns_find_what_they_find_on_a_disk(bucket: Bucket, tmp_path: Path, pattern: str):
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    if not objects.marks(url := f"{bucket.url}/patterns"):
        upload(tmp_path, url)

    def found(root: str) -> list[str]:
        above, files = list_files(f"{root}{pattern}")
        return sorted(os.path.relpath(file, above) for file in files)

    assert found(url) == found(str(tmp_path))


def test_a_pattern_cannot_stand_for_the_bucket():
    with pytest.raises(ValueError, match="name the bucket"):
        objects.marks("s3://*/raw")


def test_an_object_that_changes_while_it_is_read_is_refused(store: ObjectStore):
    store.replace(b"a" * (objects.BLOCK + 1), "n")
    with objects.open_file(store.path("n")) as file:
        file.read(1)
        store.replace(b"b" * (objects.BLOCK + 1), "n")
        file.seek(objects.BLOCK)
        with pytest.raises(StoreError, match="changed while it was read"):
            file.read()


# What happens on the way


class Wire:
    """A relay to the server that counts the bytes of answers, and breaks the first `cut` connections after `after` bytes."""

    def __init__(self, port: int) -> None:
        self.target, self.read, self.cut, self.after, self.of = port, 0, 0, 0, "answers"
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def break_off(self, of: str, times: int, after: int) -> None:
        self.of, self.cut, self.after = of, times, after

    def serve(self) -> None:
        while True:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            far, self.cut = socket.create_connection(("127.0.0.1", self.target)), self.cut - 1
            breaks = self.of if self.cut >= 0 else ""
            for one, other, way in ((near, far, "requests"), (far, near, "answers")):
                threading.Thread(target=self.pump, args=(one, other, way, breaks), daemon=True).start()

    def pump(self, one: socket.socket, other: socket.socket, way: str, breaks: str) -> None:
        seen = 0
        try:
            while (data := one.recv(1 << 16)) and not (breaks == way and seen > self.after):
                seen += len(data)
                self.read += len(data) if way == "answers" else 0
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            with suppress(OSError):  # the other pump was first
                end.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def wired(bucket: Bucket) -> Iterator[Wire]:
    """The same bucket, over a relay."""
    wire = Wire(bucket.port)
    with pytest.MonkeyPatch.context() as patch:
        key = bucket.environment.get("GOOGLE_SERVICE_ACCOUNT_KEY", "")
        patch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", key.replace(str(bucket.port), str(wire.port)))
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{wire.port}")
        objects.client.cache_clear()
        yield wire
    objects.client.cache_clear()
    wire.listening.close()


def test_a_read_that_breaks_off_is_taken_up_where_it_broke(bucket: Bucket, store: ObjectStore):
    data = os.urandom(3_000_000)
    store.put(data, "n")
    with wired(bucket) as wire:
        wire.break_off("answers", times=2, after=1_000_000)
        assert store.read("n") == data
        assert wire.cut < 0
        assert wire.read < 1.5 * len(data)


def test_a_write_that_breaks_off_leaves_nothing_visible_and_is_tried_again(
    bucket: Bucket, store: ObjectStore
):
    data = os.urandom(3_000_000)
    with wired(bucket) as wire:
        wire.break_off("requests", times=1_000, after=1_000_000)
        failed: list[BaseException] = []

        def write() -> None:
            try:
                store.put(data, "lost")
            except StoreError as error:
                failed.append(error)

        writing = threading.Thread(target=write)
        writing.start()
        writing.join(1)
        assert not ObjectStore(store.root).exists("lost")
        wire.break_off("requests", times=0, after=0)
        writing.join(60)
        assert failed == []
        assert store.read("lost") == data


def test_of_a_table_only_the_footer_and_the_columns_asked_for_are_fetched(bucket: Bucket, store: ObjectStore):
    rows = 40
    table = pa.table({"id": list(range(rows)), "text": [os.urandom(400_000) for _ in range(rows)]})
    tables.write(store, table, "t.parquet")
    with wired(bucket) as wire:
        assert tables.read(store, "t.parquet", ["id"])["id"].to_pylist() == list(range(rows))
        assert wire.read < store.size("t.parquet") / 10


@pytest.mark.real("S3")
@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_wrong_credentials_are_said_with_the_place(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    for name, value in s3_environment(bucket.port, secret="another").items():
        monkeypatch.setenv(name, value)
    objects.client.cache_clear()
    with pytest.raises(PermissionError, match=r"s3://winnow-s3/n: not allowed with the credentials"):
        ObjectStore(bucket.url).read("n")
    objects.client.cache_clear()
