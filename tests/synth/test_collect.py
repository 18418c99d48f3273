"""Segments → documents and books: one accepted result of each id, collected files that never change, the dead and their lives."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cli import main
from synth import checks, collect, segments, status, submit
from synth.checks import Checks, verdict
from synth.farm import Farm
from synth.requests import Task, requests
from synth.segments import Tally
from synth.work import Post, work
from tests.synth import farms
from tests.synth.conftest import run
from tests.synth.farms import QUICK, double, texts
from tests.synth.test_worker import CLEAN, documents

GOOD = "Seven sailors saw the harbour before the morning wind turned and took them out again."


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return farms.task(tmp_path, Farm(str(tmp_path / "farm")), texts(12))


def ids(task: Task) -> list[str]:
    return [one.id for row in texts(12) for one in requests(task, row, "p")]


def result(task: Task, identifier: str, text: str = GOOD, **more: Any) -> dict[str, Any]:
    """A row of a segment, as a worker would write it."""
    (body,) = [one.body for row in texts(12) for one in requests(task, row, "p") if one.id == identifier]
    said = {"outcome": "result", "life": 0, "attempt": 0, "custom_id": "c", "body": orjson.dumps(body).decode(), "revision": "r",
            "engine": "e", "text": text, "thought": "", "finish": "stop", "prompt_tokens": 1, "completion_tokens": 2}  # fmt: skip
    return {"id": bytes.fromhex(identifier), **said, **more}


def dead(identifier: str, life: int = 0) -> dict[str, Any]:
    return {
        "id": bytes.fromhex(identifier),
        "outcome": "dead",
        "reason": "deadline",
        "life": life,
        "attempt": 4,
    }


def publish(task: Task, writer: str, *rows: dict[str, Any]) -> None:
    segments.publish(task.store, writer, rows, Tally())


def test_a_young_farms_rates_are_of_the_time_that_it_has_worked(task: Task):
    submit.run(task)
    segments.publish(task.store, "a", [], Tally(rows=6, completion_tokens=600, began=940, ended=1_000))
    (found,) = status.jobs(task.farm, now=1_000)
    assert found.tokens_per_second == 10
    assert found.left_seconds == 60
    (found,) = status.jobs(task.farm, now=1_599)
    assert found.tokens_per_second == 1


def test_the_same_segment_again_adds_nothing_and_no_chunk_takes_anothers_name(task: Task):
    submit.run(task)
    for _ in range(2):
        publish(task, "a", result(task, ids(task)[0]))
    publish(task, "a", result(task, ids(task)[1]))
    assert len(segments.names(task.store)) == 2
    with pytest.raises(FileExistsError, match="appeared meanwhile"):
        submit.write(task, "000000", [])


def test_of_twins_the_first_segment_and_row_stands(task: Task):
    submit.run(task)
    one, two, three = ids(task)[:3]
    publish(
        task,
        "b",
        result(task, one, GOOD + " B"),
        result(task, two, GOOD + " B"),
        result(task, two, GOOD + " C"),
    )
    publish(task, "a", result(task, one, GOOD + " A"), result(task, three, "", finish="length"))
    publish(task, "c", result(task, three, GOOD + " D"))
    books = collect.collect(task)
    assert books.balance
    assert (books.submitted, books.accepted, books.pending, books.delivered_again) == (12, 3, 9, 3)
    assert {row["request"]: row["text"][-1] for row in documents(task)} == {one: "A", two: "B", three: "D"}


def test_a_result_that_nobody_asked_for_spoils_the_balance(task: Task, tmp_path: Path):
    submit.run(task)
    row = result(task, ids(task)[0])
    publish(task, "a", {**row, "id": b"x" * 16})
    assert not collect.collect(task).balance
    said = CliRunner().invoke(main, ["synth", "collect", str(tmp_path / "job.yaml")])
    assert said.exit_code == 1
    assert "the books do not balance: 1 results are of requests that were never submitted" in said.output


def test_collected_files_never_change_and_later_ones_hold_only_what_is_new(task: Task):
    submit.run(task)
    first, second = ids(task)[:2]
    publish(task, "b", result(task, first, GOOD + " old"))
    collect.collect(task)
    before = {name: task.store.read(name) for name in task.store.list("documents")}
    publish(task, "a", result(task, first, GOOD + " new"), result(task, second))
    books = collect.collect(task)
    assert (books.documents, books.accepted) == (1, 2)
    assert {name: task.store.read(name) for name in before} == before
    assert [row["request"] for row in documents(task)] == [first, second]
    assert collect.collect(task).documents == 0


def test_a_collection_that_was_cut_off_is_completed(task: Task):
    """The list is there, its documents are not: they come out the same."""
    submit.run(task)
    publish(task, "a", *(result(task, one) for one in ids(task)))
    collect.collect(task)
    (name,) = task.store.list("documents")
    whole = task.store.read(name)
    task.store.delete(name)
    assert collect.collect(task).accepted == 12
    assert task.store.read(name) == whole


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["good", "bad", "dead"]), st.integers(0, 2)), max_size=30
    )
)
def test_the_books_are_those_of_a_naive_reading(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, int]]
):
    """Whatever order results and deaths come in, over whatever segments."""
    folder = tmp_path_factory.mktemp("job")
    task = farms.task(folder, Farm(str(folder / "farm")), texts(12))
    submit.run(task)
    names = ids(task)
    made = {"good": GOOD, "bad": "too bad " * 30}
    placed: list[list[tuple[int, str]]] = [[], [], []]
    for which, what, segment in rows:
        placed[segment].append((which, what))
    for number, part in enumerate(placed):
        if part:
            publish(
                task,
                f"w{number}",
                *(
                    dead(names[which]) if what == "dead" else result(task, names[which], made[what])
                    for which, what in part
                ),
            )
    stands: dict[int, str] = {}
    for which, what in (one for part in placed for one in part):
        better = ("good", "bad", "dead")
        if which not in stands or better.index(what) < better.index(stands[which]):
            stands[which] = what
    books = collect.collect(task)
    assert books.balance
    found = list(stands.values())
    assert (books.accepted, books.rejected.total(), books.dead.total()) == tuple(
        found.count(one) for one in ("good", "bad", "dead")
    )
    assert books.pending == 12 - len(found)


def test_the_dead_are_listed_requeued_and_dropped(tmp_path: Path):
    """Two die; one gets another life and is answered, one is given up: the books follow each step."""
    farm = Farm(str(tmp_path / "farm"))
    task = farms.task(tmp_path, farm, [*texts(6), *texts(2, "[[refuse]]")], **CLEAN)
    job = str(tmp_path / "job.yaml")
    submit.run(task)

    def call(*arguments: str) -> str:
        said = CliRunner().invoke(main, ["synth", *arguments])
        assert said.exit_code == 0, said.output
        return said.output

    with double() as url:
        run(work(Post(farm, "double", url), QUICK))
        assert collect.collect(task).dead == {"refused": 2}
        assert call("dead", "list", job).count("refused: 400") == 2
        first, second = (one["id"] for one in collect.dead(task))
        assert "1 requests have another life" in call("dead", "requeue", job, "--id", first)
        books = collect.collect(task)
        assert (books.dead.total(), books.pending, books.balance) == (1, 1, True)
        run(work(Post(farm, "double", url), QUICK))
        assert collect.collect(task).dead == {"refused": 2}
    assert next(one["life"] for one in collect.dead(task) if one["id"] == first) == 1
    call("dead", "drop", job, "--id", second)
    books = collect.collect(task)
    assert (books.dead.total(), books.rejected["dropped"], books.pending, books.balance) == (1, 1, 0, True)
    assert (
        "is not among the dead"
        in CliRunner().invoke(main, ["synth", "dead", "drop", job, "--id", second]).output
    )


def test_status_reads_no_request_and_no_result(tmp_path: Path, task: Task):
    """Footers and counts say it all: the columns of these files are damaged."""
    submit.run(task)
    publish(task, "a", result(task, ids(task)[0]))
    for name in [*task.store.list("segments"), *task.store.list("requests")]:
        path = Path(task.store.path(name))
        data = bytearray(path.read_bytes())
        data[4:64] = bytes(60)
        path.write_bytes(data)
    (one,) = status.jobs(task.farm)
    assert (one.job, one.variant, one.submitted) == ("j", "double", 12)
    said = CliRunner().invoke(main, ["synth", "status", str(tmp_path / "farm.yaml")])
    assert said.exit_code == 0
    assert "double" in said.output


def test_an_unknown_variant_of_a_job_has_its_queues_error_in_the_status(task: Task):
    submit.run(task)
    Path(task.farm.store, "queue.sqlite").unlink()
    assert "submit a job first" in str(run(status.queues(task.farm))["double"])


# Checks: a row just inside and one just outside each limit, zh and en


WORDS = {
    "en": [f"word{number}" for number in range(400)],
    "zh": [chr(0x4E00 + number) for number in range(400)],
}


def text(language: str, *numbers: int) -> str:
    return (" " if language == "en" else "").join(WORDS[language][number] for number in numbers)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_repetition_is_measured_in_eights(language: str):
    """107 tokens make 100 eights; 30 of them repeat at the limit, 31 beyond it."""
    for copied, expected in ((30, None), (31, "repetitive")):
        fresh = list(range(107 - copied - 7))
        again = list(range(copied + 7))
        assert len(checks.eights(text(language, *fresh, *again))) == 100
        assert verdict(Checks(same_script=False), "", text(language, *fresh, *again), "stop") == expected


@pytest.mark.parametrize("language", ["en", "zh"])
def test_copying_is_the_share_of_eights_that_stand_in_the_prompt(language: str):
    prompt = text(language, *range(200))
    for copied, expected in ((50, None), (51, "copied")):
        answer = text(language, *range(copied + 7), *range(300, 400 - copied))
        assert len(checks.eights(answer)) == 100
        assert verdict(Checks(), prompt, answer, "stop") == expected


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("什么是潮汐？请用中文回答。", "潮汐是海水在月亮和太阳引力下的涨落。", None),
        ("什么是潮汐？请用中文回答。", "Tides are the rise and fall of the sea.", "other_script"),
        ("What are tides? Answer briefly.", "潮汐是海水在月亮和太阳引力下的涨落。", "other_script"),
        ("What are tides? Answer briefly.", "Tides are the rise and fall of the sea.", None),
        (
            "请解释 Python 的列表推导式是什么。",
            "列表推导式 [x for x in y] 用来从一个列表得到另一个列表。",
            None,
        ),
        ("潮の満ち引きとは何ですか。説明して", "潮の満ち引きは月の引力による海水の動きです。", None),
        ("2+2=?", "四加二得六，所以不是这样的答案。", None),  # too few letters to tell
    ],
)
def test_the_answers_script_is_the_questions(question: str, answer: str, expected: str | None):
    assert verdict(Checks(), question, answer, "stop") == expected


@pytest.mark.parametrize(
    ("answer", "finish", "expected"),
    [
        (GOOD, "stop", None),
        (GOOD, "length", "truncated"),
        (GOOD, "content_filter", "unfinished"),
        (GOOD + "<|im_end|>", "stop", "control_tokens"),
        ("好，</think>", "stop", "control_tokens"),
        (" \n ", "stop", "too_short"),
    ],
)
def test_what_is_no_whole_answer_is_rejected(answer: str, finish: str, expected: str | None):
    assert verdict(Checks(), "", answer, finish) == expected


SCHEMA = {"type": "object", "required": ["问"], "properties": {"问": {"type": "string"}}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [('{"问": "x"}', None), ('{"问": 1}', "against_schema"), ("{", "not_json"), ("[]", "against_schema")],
)
def test_answers_follow_the_schema_where_one_is_asked(answer: str, expected: str | None):
    assert verdict(Checks(), "", answer, "stop", SCHEMA) == expected


@given(st.text(), st.text())
def test_every_verdict_is_a_declared_reason(prompt: str, answer: str):
    assert verdict(Checks(), prompt, answer, random.choice(["stop", "length", "None"])) in (
        None,
        *checks.REASONS,
    )
