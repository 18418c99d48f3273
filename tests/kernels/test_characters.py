"""Counts of marks, line ends and variety against regular expressions and counters."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.characters import COUNTS, variety
from pipeline.kernels.lines import phrases
from tests.oracles import characters as oracle
from tests.oracles import generated

MORE = ("更多", "展开", "more")
PARTS = (
    "山高",
    "月小",
    "。",
    "？",
    "【",
    "】",
    "注",
    "#",
    "##",
    "..",
    ".",
    "…",
    "……",
    "\n",
    " ",
    "\u3000",
    "更多",
    "MORE",
    "★",
    "• ",
    "9",
    '"',
)
pages = st.lists(st.sampled_from(PARTS), max_size=40).map("".join)
batches = st.lists(st.one_of(pages, generated.texts), max_size=4)
NO_ASCII_MARKS = str.maketrans("", "", "。，、！？；：“”‘’（）【】…\u200b·•–—")


@given(batches, st.sampled_from((1, 7, 1000)))
def test_every_count_is_its_definition(batch, window):
    counts, entropy = variety(pa.array(batch, pa.string()), phrases(MORE), window)
    wanted = [oracle.variety(text, MORE, window) for text in batch]
    marks = COUNTS.index("marks")
    ascii_only, _ = variety(
        pa.array([text.encode("ascii", "ignore").decode() for text in batch], pa.string()),
        phrases(MORE),
        window,
    )
    assert ascii_only[marks].tolist() == [one[marks] for one in wanted]
    counts[marks] = ascii_only[marks]
    assert counts.T.tolist() == list(map(list, wanted))
    assert entropy.tolist() == pytest.approx([oracle.entropy(text) for text in batch], abs=1e-5)


@given(batches, st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    (part, some), (counts, entropy) = (
        variety(whole.slice(start), phrases(MORE), 5),
        variety(whole, phrases(MORE), 5),
    )
    assert part.tolist() == counts[:, start:].tolist()
    assert some.tolist() == entropy[start:].tolist()


@pytest.mark.parametrize(
    "mark", [*oracle.CHINESE_MARKS, *"!,.:;'()[]-_{}~`\"/\\@#%&*+<=>?^|$", "﹏", "｡", "‧"]
)
def test_marks_of_punctuation(mark):
    counts, _ = variety(pa.array([f"字{mark}字"]), phrases(()), 1000)
    assert counts[COUNTS.index("marks"), 0] == 1


@pytest.mark.parametrize("sign", ["字", "a", "1", "１", "ａ", "々", "〇", "👩", "が", "é", "\u3000"])
def test_letters_digits_and_spaces_are_no_marks(sign):
    counts, _ = variety(pa.array([sign]), phrases(()), 1000)
    assert counts[COUNTS.index("marks"), 0] == 0


def test_an_example_by_hand():
    text = "【注】山高月小，水落石出。\n• 一\n展开更多\n山山山山…… ## 1.5.."
    counts, entropy = variety(pa.array([text]), phrases(("更多",)), 10)
    found = dict(zip(COUNTS, counts[:, 0].tolist(), strict=True))
    assert found == {
        "stretches": 4,  # up to 。 then up to …, up to 1, and 5
        "hash_runs": 1,
        "ellipsis_runs": 2,
        "bracketed": 1,
        "more_lines": 1,
        "marked_lines": 1,
        "marks": 12,  # 【】，。 • …… ## ...
        "distinct": 27,  # 10, 10 and 7 of the windows
    }
    assert entropy[0] == pytest.approx(oracle.entropy(text))
