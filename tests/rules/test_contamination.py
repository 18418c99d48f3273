"""Each limit of Contamination, with a document just inside and one just outside; what is common; what is shown."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.data.keys import describe, digest
from pipeline.kernels.letters import letters
from pipeline.rules.contamination import Contamination, StrayDocuments

EN = (
    "A robe takes 2 bolts of blue fiber and half that much white fiber, and every collar needs 3 buttons of dark bone; "
    "the tailor of the northern village sews 14 robes in a week, and sells them at the autumn market for 30 coins each. "
    "How many bolts of fiber does the tailor need in total for the work of one week?"
)  # some 60 words
ZH = (
    "小明的爷爷在村口种了一片果园，每年秋天都要请邻居来帮忙采摘，今年一共来了十二个人，每人每天可以摘三十筐苹果，"
    "其中一半运到县城去卖，另一半留给乡亲们做果酱，请问三天以后一共运到县城多少筐苹果？"
)  # 84 characters
SHORT_EN, SHORT_ZH = "Is Bunny Bug in this figure?", "海南省的省会是哪座城市？"


@pytest.fixture
def rule(tmp_path: Path) -> Contamination:
    rows = [{"question": text} for text in (EN, ZH, SHORT_EN, SHORT_ZH)]
    path = tmp_path / "made.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return Contamination(str(path))


def seen_by(rule: Contamination, *texts: str) -> pa.RecordBatch:
    return rule.needs[0](pa.record_batch({"text": pa.array(texts, pa.string())}))


def says(rule: Contamination, *texts: str, strays: pa.Table | None = None) -> list[str | None]:
    return rule(seen_by(rule, *texts), *([] if strays is None else [strays])).to_pylist()


def part(text: str, share: float) -> str:
    """The beginning of a text, with that share of its letters, to one letter."""
    count = len(letters(pa.array([text])).letters)
    return next(
        text[:at] for at in range(len(text)) if len(letters(pa.array([text[:at]])).letters) >= share * count
    )


@pytest.mark.parametrize("text", [EN, ZH])
def test_more_than_half_of_a_long_question_is_contamination(rule: Contamination, text: str):
    assert says(rule, f"Look: {part(text, 0.49)} – 完", f"Look: {part(text, 0.52)} – 完") == [
        None,
        "contaminated",
    ]
    assert says(replace(rule, max_coverage=0.6), part(text, 0.58), part(text, 0.62)) == [None, "contaminated"]


@pytest.mark.parametrize(
    ("text", "broken"),
    [(SHORT_EN, SHORT_EN.replace("this", "that")), (SHORT_ZH, SHORT_ZH.replace("海南", "湖南"))],
)
def test_a_short_question_must_stand_whole(rule: Contamination, text: str, broken: str):
    assert says(rule, f"问：{broken} 答", f"问：{text} 答") == [None, "contaminated"]


def test_the_limit_falls_from_whole_to_half_with_the_words_of_the_question(rule: Contamination):
    assert rule.limits(pa.array([5, 13, 26.5, 40, 900]).to_numpy()).tolist() == [1, 1, 0.75, 0.5, 0.5]
    words = rule.needs[0].benchmark.words[0]
    halfway = replace(rule, whole_words=words - 9, eased_words=words + 9)
    assert says(halfway, part(EN, 0.73), part(EN, 0.77)) == [None, "contaminated"]
    strict = replace(rule, whole_words=90, eased_words=100)
    assert says(strict, part(EN, 0.98), EN, part(ZH, 0.98), ZH) == [None, "contaminated"] * 2


def test_a_limit_of_1_drops_nothing(rule: Contamination):
    assert says(replace(rule, max_coverage=1.0), EN, SHORT_ZH) == [None, None]


@pytest.mark.parametrize("text", [EN, ZH, SHORT_EN, SHORT_ZH])
def test_looser_limits_never_drop_more(rule: Contamination, text: str):
    texts = [part(text, share / 20) for share in range(21)]
    steps = [replace(rule, max_coverage=limit / 10) for limit in range(2, 11)]
    counts = [says(one, *texts).count("contaminated") for one in steps]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0
    more = [replace(rule, whole_words=13 + step, eased_words=40 + 9 * step) for step in range(9)]
    counts = [says(one, *texts).count("contaminated") for one in more]
    assert counts == sorted(counts, reverse=True)


def documents_with(rule: Contamination, texts: list[str]) -> pa.Table:
    return StrayDocuments("made").partial(seen_by(rule, *texts))


@pytest.mark.parametrize("text", [EN, ZH])
def test_what_more_than_ten_documents_say_besides_counts_on_neither_side(rule: Contamination, text: str):
    """A phrase that everybody quotes is 60 % of the question: who quotes it is innocent, who has the rest is not."""
    quote, rest = part(text, 0.6), text[len(part(text, 0.6)) :]
    ten, eleven = (documents_with(rule, [quote] * count) for count in (10, 11))
    assert says(rule, quote, text, rest, strays=ten) == ["contaminated", "contaminated", None]
    assert says(rule, quote, text, rest, strays=eleven) == [None, "contaminated", "contaminated"]


@pytest.mark.parametrize("text", [EN, ZH])
def test_a_long_question_that_was_copied_a_thousand_times_is_not_common(rule: Contamination, text: str):
    assert documents_with(rule, [text] * 1000).num_rows == 0


@pytest.mark.parametrize("text", [SHORT_EN, SHORT_ZH])
def test_a_short_question_that_more_than_ten_documents_ask_is_a_saying(rule: Contamination, text: str):
    ten, eleven = (documents_with(rule, [f"{text} {n}" for n in range(count)]) for count in (10, 11))
    assert (says(rule, text, strays=ten), says(rule, text, strays=eleven)) == (["contaminated"], [None])


def test_documents_count_once_however_often_they_say_it_and_parts_add_up(rule: Contamination):
    statistic = StrayDocuments("made")
    parts = [documents_with(rule, [part(EN, 0.4) * 3]), documents_with(rule, [part(EN, 0.5), "nothing"])]
    whole = statistic.merge(parts)
    assert set(whole["documents"].to_pylist()) == {1, 2}
    assert statistic.merge([]).num_rows == 0
    assert statistic.merge([statistic.merge(parts[1:]), *parts[:1], statistic.merge([])]).equals(whole)


def test_why_shows_item_coverage_limit_and_what_stands_where(rule: Contamination):
    text = f"Once more. {EN} 60 bolts."
    shown = rule.found(seen_by(rule, text))
    assert list(shown) == ["made:1", "made items"]
    assert shown["made:1"].startswith("coverage 1.00 (limit 0.50) of 'A robe takes 2 bolts of blue fiber")
    assert f"at bytes 11–{10 + len(EN)}: 'A robe takes" in shown["made:1"]
    assert rule.found(seen_by(rule, "nothing")) == {}


def test_the_key_knows_the_content_of_the_file_and_not_its_place(rule: Contamination, tmp_path: Path):
    (tmp_path / "other").mkdir()
    old = Path(str(rule.benchmarks))
    moved = replace(rule, benchmarks=str(tmp_path / "other/made.jsonl"))
    Path(str(moved.benchmarks)).write_bytes(old.read_bytes())
    assert digest(describe(moved)) == digest(describe(rule))
    assert digest(describe(moved.needs[0])) == digest(describe(rule.needs[0]))
    Path(str(moved.benchmarks)).write_bytes(old.read_bytes() + b"\n")
    assert digest(describe(moved)) != digest(describe(rule))
    assert digest(describe(moved.needs[0])) != digest(describe(rule.needs[0]))


def test_mistakes_are_named(tmp_path: Path, rule: Contamination):
    with pytest.raises(ValueError, match="whole_words 50 must be below eased_words 40"):
        replace(rule, whole_words=50)
    with pytest.raises(ValueError, match=r"max_coverage 0\.1 is below 0\.2"):
        replace(rule, max_coverage=0.1)
    with pytest.raises(ValueError, match="no file matches"):
        _ = Contamination(str(tmp_path / "nowhere/*.jsonl")).needs
    (tmp_path / "made.jsonl.gz").write_bytes(b"")
    with pytest.raises(ValueError, match="would both be 'made'; rename one"):
        _ = Contamination(str(tmp_path / "*.jsonl")).needs
