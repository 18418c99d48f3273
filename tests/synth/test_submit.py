"""Job files and rows → letters: strictly checked, under the digest of what they ask, twice adds nothing."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline import forms
from pipeline.cli.demo import train_tokenizer
from pipeline.data import tables
from synth import collect, requests, submit, variants
from synth.farm import Farm
from synth.queue import Counts, Letter, open_queue
from synth.requests import Task
from synth.variants import Sampling
from synth.work import Post, work
from tests.synth import farms
from tests.synth.conftest import run
from tests.synth.farms import QUICK, double, texts


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(str(tmp_path / "farm"))


def letters(task: Task) -> list[Letter]:
    async def body() -> list[Letter]:
        queue = await open_queue(task.farm, task.job.variant)
        found = []
        while one := await queue.receive(0):
            found.append(one)
        await queue.close()
        return found

    return run(body())


def counts(task: Task) -> Counts:
    async def body() -> Counts:
        queue = await open_queue(task.farm, task.job.variant)
        found = await queue.counts()
        await queue.close()
        return found

    return run(body())


def test_the_same_job_twice_adds_nothing_and_more_rows_only_themselves(tmp_path: Path, farm: Farm):
    first = submit.run(farms.task(tmp_path, farm, texts(20), candidates=3))
    assert (first.new, first.known, first.sent) == (60, 0, 60)
    again = submit.run(farms.task(tmp_path, farm, texts(20), candidates=3))
    assert (again.new, again.known, again.sent) == (0, 60, 0)
    more = submit.run(task := farms.task(tmp_path, farm, texts(25), candidates=3))
    assert (more.new, more.known, more.sent) == (15, 60, 15)
    assert counts(task).waiting == 75
    assert len({one.id for one in letters(task)}) == 75


def test_a_submission_that_was_cut_off_is_completed(
    tmp_path: Path, farm: Farm, monkeypatch: pytest.MonkeyPatch
):
    """Cut off after a chunk was sent and before its receipt: sent again, it adds nothing."""
    monkeypatch.setattr(submit, "CHUNK_ROWS", 8)
    submit.run(task := farms.task(tmp_path, farm, texts(20)))
    task.store.delete("sent/000002")
    assert submit.run(task).sent == 4
    assert counts(task).waiting == 20


def test_an_id_is_the_digest_of_what_is_asked(tmp_path: Path, farm: Farm):
    def ids(folder: str, **changes: Any) -> set[str]:
        (tmp_path / folder).mkdir()
        task = farms.task(tmp_path / folder, farm, texts(1), **changes)
        return {one.id for one in requests.requests(task, texts(1)[0], "place")}

    same = ids("a")
    assert ids("b", job="other", lane="urgent") == same
    for number, change in enumerate(
        ({"seed": 1}, {"sampling": {"top_p": 0.5}}, {"template": "Say {{ text | data }}"}, {"system": "S"})
    ):
        assert ids(str(number), **change).isdisjoint(same)
    assert len(ids("c", candidates=5)) == 5


def test_another_job_under_the_same_name_is_refused(tmp_path: Path, farm: Farm):
    submit.run(farms.task(tmp_path, farm, texts(3)))
    with pytest.raises(
        ValueError, match="'j' was submitted with another job; give the changed job a new name"
    ):
        submit.run(farms.task(tmp_path, farm, texts(3), seed=1))


def test_large_bodies_travel_by_reference_and_arrive(tmp_path: Path, farm: Farm):
    rows = [{"text": "large " * 200_000}, *texts(2)]
    submit.run(task := farms.task(tmp_path, farm, rows, checks={"truncated": True, "max_repeated": 1.0}))
    assert sorted(len(one.body) > 10_000 for one in letters(task)) == [False] * 3
    assert [name.split("/")[0] for name in task.store.list("bodies")] == ["bodies"]
    with double() as url:
        run(work(Post(farm, "double", url), QUICK))
    books = collect.collect(task)
    assert (books.pending, books.dead.total()) == (0, 0)


def test_rows_come_from_parquet_and_packed_lines_in_order(tmp_path: Path, farm: Farm):
    folder = tmp_path / "rows"
    folder.mkdir()
    pq.write_table(pa.table({"text": ["from a column"]}), folder / "a.parquet")
    (folder / "b.jsonl.zst").write_bytes(
        zstandard.compress(b'{"text": "from a line"}\n\n{"text": "and another"}\n')
    )
    task = farms.task(tmp_path, farm, [], rows=str(folder / "*"))
    assert submit.run(task).new == 3
    bodies = tables.read(task.store, "requests/000000.parquet")["body"].to_pylist()
    assert [orjson.loads(one)["custom_id"].rpartition("/")[2] for one in bodies] == [
        "a.parquet:1",
        "b.jsonl.zst:1",
        "b.jsonl.zst:3",
    ]


def test_parents_are_the_documents_that_a_row_was(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, [])
    (one,) = requests.requests(task, {"text": "x", "winnow_id": "ab" * 16}, "p")
    assert one.parents == ("ab" * 16,)


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "doubel"}, "job.yaml:1: job.variant: no variant 'doubel'; did you mean 'double'?"),
        (
            {"sampling": {"temperature": 0, "top_p": 0.5}},
            "temperature 0 takes the likeliest token; top_p contradicts it",
        ),
        ({"sampling": {"top_p": 1.5}}, "top_p 1.5 must lie in 0 … 1"),
        ({"sampling": {"temperature": 0}, "candidates": 2}, "temperature 0 gives 2 equal candidates"),
        ({"sampling": {"max_tokens": 5000}}, "max_tokens 5000 leaves no prompt in a context of 4096"),
        ({"template": "{{ text }}"}, "text is source text; write {{ text | data }}"),
        ({"template": None}, "rows need a template"),
        ({"job": "a/b"}, "must be a name of letters"),
        ({"candidate": 2}, "unknown field 'candidate'; did you mean 'candidates'?"),
        ({"lane": "fast"}, "lane must be"),
    ],
)
def test_mistakes_in_a_job_are_named(tmp_path: Path, farm: Farm, change: dict[str, Any], message: str):
    with pytest.raises(forms.FormError) as error:
        farms.task(tmp_path, farm, texts(1), **change)
    assert message in str(error.value)


def test_a_template_that_names_a_missing_field_is_refused_before_anything_is_sent(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(3), template="{{ txet }} {{ text | data }}")
    with pytest.raises(ValueError, match=r"rows.jsonl:1: 'txet' is undefined; the row has text"):
        submit.run(task)
    assert not Path(farm.store, "queue.sqlite").exists()


def test_rows_that_make_no_request_are_counted_by_reason_and_kept(tmp_path: Path, farm: Farm):
    rows = [*texts(5), {"text": "x", "title": "<s>"}, {"other": 1}]
    task = farms.task(
        tmp_path,
        farm,
        rows,
        template="{% if title is defined %}{{ title }}{% else %}{{ text | data }}{% endif %}",
        data=["text"],
    )
    done = submit.run(task)
    assert (done.new, dict(done.refused)) == (5, {"empty_prompt": 1, "missing_field": 1})
    assert done.examples["missing_field"].startswith(f"{tmp_path}/rows.jsonl:7: 'text' is undefined")
    kept = [row for name in task.store.list("refused") for row in tables.read(task.store, name).to_pylist()]
    assert {row["reason"] for row in kept} == {"empty_prompt", "missing_field"}


def test_a_row_beyond_the_models_context_is_refused_where_its_tokenizer_is_named(tmp_path: Path, farm: Farm):
    train_tokenizer(iter(["a word or two"]), path := tmp_path / "tokenizer.json")
    rows = [{"text": "word " * 5_000}, *texts(1)]
    done = submit.run(farms.task(tmp_path, farm, rows, tokenizer=str(path)))
    assert (done.new, dict(done.refused)) == (1, {"too_long": 1})


@pytest.mark.parametrize("budget", [{"requests": 4}, {"tokens": 4 * 64}])
def test_a_budget_is_kept(tmp_path: Path, farm: Farm, budget: dict[str, int]):
    done = submit.run(farms.task(tmp_path, farm, texts(10), budget=budget))
    assert (done.new, dict(done.refused)) == (4, {"over_budget": 6})
    assert submit.run(farms.task(tmp_path, farm, texts(10), budget=budget)).new == 0


def test_a_budget_counts_what_each_line_of_a_batch_may_cost(tmp_path: Path, farm: Farm):
    rows = [
        line("a", max_tokens=60),
        line("b", max_completion_tokens=30),
        line("c", max_tokens=20),
        line("d", max_tokens=10),
    ]
    job = {"form": "batch", "template": None, "budget": {"tokens": 100}}
    done = submit.run(farms.task(tmp_path, farm, rows, **job))
    assert (done.new, done.examples["over_budget"].rpartition(": ")[2]) == (
        3,
        "20 tokens more than 90; the budget has 100",
    )
    again = submit.run(farms.task(tmp_path, farm, [*rows, line("e", max_tokens=1)], **job))
    assert (again.new, again.known, dict(again.refused)) == (0, 3, {"over_budget": 2})


def test_no_rows_are_an_error(tmp_path: Path, farm: Farm):
    with pytest.raises(ValueError, match="no file is called so"):
        submit.run(farms.task(tmp_path, farm, [], rows=str(tmp_path / "none*.jsonl")))


# OpenAI's batch files


def line(custom_id: str = "a", **body: Any) -> dict[str, Any]:
    said = {"model": "double", "messages": [{"role": "user", "content": "Hello to you"}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": said}


def test_a_batch_file_in_and_out(tmp_path: Path, farm: Farm):
    """Two lines that ask the same are asked once and answered twice."""
    rows = [line(str(number), seed=min(number, 3), max_tokens=8) for number in range(5)]
    task = farms.task(tmp_path, farm, rows, form="batch", template=None)
    assert submit.run(task).new == 4
    with double() as url:
        run(work(Post(farm, "double", url), QUICK))
    out = [orjson.loads(one) for one in collect.batch_lines(task)]
    assert sorted(one["custom_id"] for one in out) == ["0", "1", "2", "3", "4"]
    for one in out:
        assert one["response"]["status_code"] == 200
        assert one["response"]["body"]["choices"][0]["message"]["content"]
        assert one["response"]["body"]["usage"]["completion_tokens"] <= 8


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line(model="gpt-5"), "other_model"),
        (line(n=2), "not_one_answer"),
        (line(max_tokens=30_000), "bad_max_tokens"),
        (line(max_completion_tokens=30_000), "bad_max_tokens"),
        (line(max_tokens="many"), "bad_max_tokens"),
        ({**line(), "url": "/v1/embeddings"}, "other_endpoint"),
        (line(""), "no_custom_id"),
        ({"custom_id": "a"}, "not_a_batch_line"),
        (
            line(
                messages=[
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "http://10.0.0.1/"}}],
                    }
                ]
            ),
            "foreign_url",
        ),
    ],
)
def test_lines_of_a_batch_that_cannot_be_asked_are_refused(
    tmp_path: Path, farm: Farm, row: dict[str, Any], reason: str
):
    done = submit.run(farms.task(tmp_path, farm, [line("fine"), row], form="batch", template=None))
    assert (done.new, dict(done.refused)) == (1, {reason: 1})


# Variants


@pytest.mark.parametrize("name", variants.names())
def test_every_shipped_variant_can_be_read_and_says_where_its_sampling_is_from(name: str):
    one = variants.read(name)
    assert one.source
    assert "--max-model-len" in one.arguments()
    assert Sampling().over(forms.dump(one.sampling)) == one.sampling


def test_what_a_job_says_goes_before_what_its_variant_says():
    shipped = forms.dump(variants.read("qwen3-8b").sampling)
    assert shipped["max_tokens"] != 1024
    for most in (1, 1024, 2048):
        assert Sampling(max_tokens=most).over(shipped).max_tokens == most


def test_a_file_in_the_farms_folder_adds_a_variant(tmp_path: Path):
    text = Path(variants.__file__).with_name("double.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("model: double", "model: mine"))
    assert variants.read("mine", str(tmp_path)).model == "mine"
    assert {"mine", "double"} <= set(variants.names(str(tmp_path)))
