"""What stages say moves only together with their version."""

import json

import pytest

from tests.golden import stages

GOLDEN = json.loads(stages.FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found() -> dict:
    return json.loads(json.dumps(stages.outputs()))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stage_says_what_it_said_or_has_a_new_version(found, name):
    if found[name]["version"] == GOLDEN[name]["version"]:
        assert found[name]["says"] == GOLDEN[name]["says"], f"{name} says something else: raise its version"
    assert found[name] == GOLDEN[name], "review the change, then run python -m tests.golden.stages"


def test_every_stage_has_its_golden_rows(found):
    assert list(found) == list(GOLDEN)
