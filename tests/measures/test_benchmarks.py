"""What of a benchmark file is looked for, and how files that cannot be read are named."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from pipeline.data.files import content
from pipeline.measures.benchmarks import Fields, Item, benchmark, name_of, passages

PLAIN = Fields()
ROWS = [
    {"problem": "How many positive divisors does 196 have?", "solution": "9", "answer": None},
    {"prompt": "", "question": "什么样的水果既可以生吃也可以熬糖？", "options": ["梨", "石头"]},
]


def lines(rows: list[dict]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode() + b"\n\n"


def opened(path: Path, data: bytes, fields: Fields = PLAIN):
    path.write_bytes(data)
    return benchmark(str(path), content(str(path)), fields)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.jsonl.zst", lambda data: zstandard.compress(data[:9]) + zstandard.compress(data[9:])),
    ],
)
def test_plain_and_compressed_files_give_the_same_items(tmp_path: Path, name: str, pack):
    found = opened(tmp_path / name, pack(lines(ROWS)))
    assert name_of(name) == "a"
    assert found.items[1] == Item(1, "How many positive divisors does 196 have?", "9", ())
    assert found.items[2] == Item(2, "什么样的水果既可以生吃也可以熬糖？", "", ("梨", "石头"))
    assert found.words.tolist() == pytest.approx([7, 16 * 0.65])


def test_fields_are_those_that_the_recipe_names(tmp_path: Path):
    row = {"question": "not this", "Frage": "Wie viele Teiler hat die Zahl?", "Wahl": [1, 2], "Antwort": 2}
    found = opened(tmp_path / "b.jsonl", lines([row]), Fields(("Frage",), ("Antwort",), ("Wahl",)))
    assert found.items[1] == Item(1, "Wie viele Teiler hat die Zahl?", "2", ("1", "2"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no record"),
        (
            b'{"question": "a b c d"}\n{"text": "x", "id": 3}\n',
            r"b.jsonl:2: has no text in .*, but text, id; name .*",
        ),
        (b'{"question": 3}\n', "b.jsonl:1: has no text"),
        (b"[1]\n", "b.jsonl:1: is no JSON object"),
        (b"\n{broken\n", "b.jsonl:2: "),
        (b'{"question": "\xff"}\n', "b.jsonl:1: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, data: bytes, said: str):
    with pytest.raises(ValueError, match=said):
        opened(tmp_path / "b.jsonl", data)


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path):
    path = tmp_path / "b.jsonl"
    path.write_bytes(lines(ROWS))
    planned = content(str(path))
    path.write_bytes(lines(ROWS[:1]))
    with pytest.raises(ValueError, match="changed since the run was planned; run again"):
        benchmark(str(path), planned, Fields())


def item(line: int, question: str, *choices: str, answer: str = "") -> Item:
    return Item(line, question, answer, choices)


def test_a_question_stands_for_its_item_and_equal_ones_for_the_first():
    items = [
        item(1, "Is the red circle larger than the blue circle?"),
        item(2, "What is the capital of the state of Texas?", "Austin", "Dallas"),
        item(3, "Is the red circle LARGER than the blue circle"),
    ]
    assert list(passages(items)) == [(1, items[0].question), (2, items[1].question)]


def test_a_question_that_says_nothing_alone_is_looked_for_with_its_choices_or_answer():
    items = [
        item(1, "Which of the following is true?", "Water is wet.", "Fire is cold."),
        item(2, "Which of the following is true?", "Snow is black.", "Coal is black."),
        item(3, "Which of the following is true?", "One is two.", "One is one."),
        item(4, "Inflation", answer="is a general rise of prices"),
    ]
    assert list(passages(items)) == [
        (1, "Which of the following is true? Water is wet. Fire is cold."),
        (1, "Which of the following is true? A. Water is wet. B. Fire is cold."),
        (2, "Which of the following is true? Snow is black. Coal is black."),
        (2, "Which of the following is true? A. Snow is black. B. Coal is black."),
        (3, "Which of the following is true? One is two. One is one."),
        (3, "Which of the following is true? A. One is two. B. One is one."),
        (4, "Inflation is a general rise of prices"),
    ]


def test_a_short_question_that_is_asked_again_is_no_generic_one():
    items = [item(n, "Is the big dog brown or white?", "brown", "white") for n in (1, 2, 3)]
    items.append(item(4, "Is the big dog brown or white?", "white", "brown"))
    assert list(passages(items)) == [(1, items[0].question)]
