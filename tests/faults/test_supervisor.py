"""Who is started again: a pipeline that lost a worker. Not one that failed, however long its workers take to go."""

import sys
import time

import pytest

from pipeline.run import supervisor
from pipeline.run.supervisor import DONE, LEAVING, RunFailedError, supervise

# A pipeline with one worker, which ends after a second; the rest is what the pipeline says and does then.
CHILD = f"""
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1)', '{supervisor.WORKER}'])
time.sleep(0.5)
for word in sys.argv[2:]:
    print(word, flush=True)
worker.wait()
time.sleep(2)
sys.exit('the stage is wrong' if sys.argv[1] == 'fails' else 0)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.5)
    monkeypatch.setattr(supervisor, "STARTS", 2)


def told(*arguments: str) -> list[str]:
    said: list[str] = []
    supervise([sys.executable, "-c", CHILD, *arguments], lambda: None, said.append)
    return said


def test_one_that_lost_a_worker_is_started_again():
    with pytest.raises(RunFailedError, match="a worker was lost at each of 2 starts"):
        told("hangs")


def test_one_that_told_its_workers_to_go_may_take_its_time():
    assert told("ends", LEAVING, DONE) == []


def test_one_that_fails_is_not_started_again():
    begin = time.monotonic()
    with pytest.raises(RunFailedError, match="the stage is wrong"):
        told("fails", LEAVING)
    assert time.monotonic() - begin > supervisor.GRACE  # else it would prove nothing


def test_one_that_crashes_after_its_last_word_has_ended_well():
    assert told("fails", LEAVING, DONE) == []
