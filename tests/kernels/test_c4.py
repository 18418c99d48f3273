"""C4's cuts against regular expressions; the cuts are carried out by the kernel that does so in a run."""

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.cuts import apply
from pipeline.measures.c4 import C4Cuts
from tests.oracles import c4 as oracle
from tests.oracles import generated

PARTS = (
    *(
        "the sea",
        "The sea",
        " is wide",
        "山高月小",
        "他说",
        "。",
        "！",
        "，",
        ". ",
        ".",
        "? ",
        '."',
        ".” ",
        "...",
        "…",
        ".) ",
    ),
    *(
        "[1]",
        "[edit]",
        "[Edit]",
        "[a]",
        "[",
        "]",
        " ",
        "\t",
        "\n",
        "\n\n",
        "{",
        "Lorem Ipsum",
        "JavaScript",
        "privacy policy",
    ),
    *("隐私政策", "隱私政策", "x" * 12, "山" * 12, "é", "É. é", "3. 4", "?!", "。”好"),
)
pages = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)
batches = st.lists(st.one_of(pages, generated.texts), max_size=4)
MEASURES = (
    C4Cuts(),
    C4Cuts(min_words=1, max_word_length=10, unwanted=(), placeholders=("s", "山高"), citations=()),
    C4Cuts(min_words=2, unwanted=("a", "IS WIDE"), placeholders=()),
)


def cut(texts: list[str], measure: C4Cuts) -> list[tuple[str, int, int, int]]:
    batch = pa.record_batch({"text": pa.array(texts, pa.string())})
    lists, *counts = measure(batch).columns
    left = apply(batch["text"], lists).to_pylist()
    return list(zip(left, *(count.to_pylist() for count in counts), strict=True))


@pytest.mark.parametrize("measure", MEASURES)
@given(batch=batches)
def test_pages_are_cut_as_defined(measure, batch):
    assert cut(batch, measure) == [oracle.cut_page(text, measure) for text in batch]


@given(batches, st.data())
def test_a_slice_is_cut_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.record_batch({"text": pa.array(batch, pa.string())})
    assert C4Cuts()(whole.slice(start)).to_pylist() == C4Cuts()(whole).slice(start).to_pylist()


@pytest.mark.parametrize(
    "line",
    [
        "The sea is very wide.",
        'He said: "The sea is wide"',
        "Is the sea very wide?  ",
        "海很宽很大。",
        "他说：“海很宽。”",
        "the " + "x" * 1000 + " is very wide.",
        "山" * 1001 + "。",  # a Chinese line is not one word
    ],
)
def test_lines_that_stay(line):
    assert cut([line], C4Cuts())[0][0] == line


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("The sea is very wide.[1][citation needed]", "The sea is very wide."),
        ("The sea [edit] is very wide. [12]", "The sea  is very wide. "),
        ("海很寬嗎？[來源請求]", "海很寬嗎？"),
        ("The [sea] is very wide [a].", "The [sea] is very wide [a]."),
    ],
)
def test_citations_go_and_other_brackets_stay(line, left):
    assert cut([line], C4Cuts(min_words=3))[0][0] == left


@pytest.mark.parametrize(
    "line",
    [
        "The sea is very wide",
        "The sea is very wide...",
        "海很宽很大……",
        "The sea is wide.",  # four words
        "海很宽。",  # three
        "Please enable JavaScript in your browser.",
        "By this you accept our Privacy Policy.",
        "继续即表示同意隐私政策。",
        "繼續即表示同意隱私政策。",
        "the " + "x" * 1001 + " is very wide.",
        "The sea is very wide [1]",
    ],
)
def test_lines_that_go(line):
    fine = "The sea is very wide."
    assert cut([f"{fine}\n{line}\n{fine}"], C4Cuts())[0][0] == f"{fine}\n{fine}"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One two three four five. Six seven.", 2),
        ("We use e.g. the sea and version 3.4 of it.", 1),
        ("He asked “Is it wide?” and went on his way.", 1),
        ("He asked: “Is it wide?” She went away.", 2),
        ("Really?! Yes it is so wide.", 2),
        ("海很宽。山很高！水很清？", 3),
        ("他说：“海很宽。”她走了。", 2),
        ("他说hello. 海很宽。", 2),
    ],
)
def test_sentences_of_a_line(text, sentences):
    assert cut([text], C4Cuts(min_words=1))[0][1] == sentences


def test_cuts_touch_nowhere_and_cover_whole_lines():
    lists = C4Cuts()(pa.record_batch({"text": ["Home\nNews\nThe sea[1] is very wide.[2]\nEnd"]}))["c4_cuts"]
    assert [(one["start"], one["stop"]) for one in lists.to_pylist()[0]] == [
        (0, 10),
        (17, 20),
        (34, 37),
        (38, 41),
    ]


@pytest.mark.parametrize("field", ["unwanted", "placeholders", "citations"])
def test_an_empty_phrase_is_refused(field):
    with pytest.raises(ValueError, match=f"{field} holds an empty phrase"):
        replace(C4Cuts(), **{field: ("",)})
