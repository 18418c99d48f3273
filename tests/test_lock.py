"""The mixture lock: what is written is read, what is wrong is named, what is unknown is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.lock import Group, Lock, LockError, dumps, parse, read, write

LOCK = Lock(
    {"网页": Group(0.25, 250, 0.5), "code": Group(0.75, 750, 2.0)},
    by="source",
    digests={"runs.csv": "sha256:00"},
    seed=7,
    versions={"winnow": "1"},
    more={"spread": {"level": 0.9}},
)


def test_what_is_written_is_read(tmp_path: Path):
    path = str(tmp_path / "mixture.lock.json")
    write(path, LOCK)
    assert read(path) == LOCK
    assert [one.name for one in tmp_path.iterdir()] == ["mixture.lock.json"]


def test_equal_locks_are_equal_bytes():
    assert dumps(LOCK) == dumps(parse(json.loads(dumps(LOCK))))
    assert '"网页"' in dumps(LOCK)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": {}}, "one or more names"),
        ({"groups": {"a": {"share": 0.5, "tokens": 1, "epochs": 1}}}, "sum to 0.5"),
        ({"groups": {"a": {"share": 1.0, "tokens": 1}}}, "groups.a: must have share, tokens, epochs"),
        ({"groups": {"a": {"share": 1.0, "tokens": -1, "epochs": 1}}}, "groups.a.tokens is -1"),
        ({"groups": {"a": {"share": True, "tokens": 1, "epochs": 1}}}, "groups.a.share is True"),
        ({"seed": "x"}, "seed is 'x'; it must be int"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], said: str):
    with pytest.raises(LockError, match=said):
        parse({**json.loads(dumps(LOCK)), **change}, "m.json")


def test_a_missing_key_and_a_broken_file_are_named(tmp_path: Path):
    value = json.loads(dumps(LOCK))
    del value["by"]
    with pytest.raises(LockError, match=r"m.json: has no 'by'"):
        parse(value, "m.json")
    (tmp_path / "broken").write_text('{"groups": \n{,}')
    with pytest.raises(LockError, match=r"broken:2: not JSON"):
        read(str(tmp_path / "broken"))
    with pytest.raises(LockError, match="is no mapping"):
        parse([])


def test_a_lock_that_could_not_be_read_is_not_written(tmp_path: Path):
    with pytest.raises(LockError):
        write(str(tmp_path / "x"), Lock({"a": Group(0.5, 1, 1.0)}))
    assert not list(tmp_path.iterdir())
