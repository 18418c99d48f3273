"""Line cuts against regular expressions; the cuts are carried out by the kernel that does so in a run."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.cuts import apply
from pipeline.measures.refinedweb import LineCuts
from tests.oracles import generated
from tests.oracles import lines as oracle

MEASURES = (LineCuts(), LineCuts(max_upper_share=0.2, max_phrase_words=3, insides=("中", "a b"), endings=()))


def cut(texts: list[str], measure: LineCuts) -> list[tuple[str, int, int]]:
    batch = pa.record_batch({"text": pa.array(texts, pa.string())})
    found = measure(batch)
    left = apply(batch["text"], found["cuts"]).to_pylist()
    return list(zip(left, found["words_before"].to_pylist(), found["words_cut"].to_pylist(), strict=True))


@pytest.mark.parametrize("measure", MEASURES)
@given(batch=generated.batches)
def test_lines_are_cut_as_defined(measure, batch):
    assert cut(batch, measure) == [oracle.cut_lines(text, measure) for text in batch]


@given(generated.batches, st.data())
def test_a_slice_is_cut_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.record_batch({"text": pa.array(batch, pa.string())})
    assert LineCuts()(whole.slice(start)).to_pylist() == LineCuts()(whole).slice(start).to_pylist()


@pytest.mark.parametrize(
    "line",
    [
        "3 likes",
        "1,024 Views",
        "· 1.5k shares ·",
        "HELLO World ABC",
        "２０２４",
        "12 345",
        "Home",
        "章",
        "---",
        "Sign-in to your account",
        "And then? Read more...",
        "See all posts, read more…",
        "2 items in cart now",
    ],
)
def test_bad_lines(line):
    assert (
        cut([f"A fine line.\n{line}\nAnother one here."], LineCuts())[0][0]
        == "A fine line.\nAnother one here."
    )


@pytest.mark.parametrize(
    "line",
    [
        "3 big likes",
        "likes 3",
        "ABC abc",
        "床前明月光",
        "第1章",
        "他说hello。",
        "",
        "   ",
        "It was 3 likes",
        "a b c d e f g h i j read more...",
        "sign-in a b c d e f g h i j",
        "Please sign-in",
        "ไทยก็",
    ],
)
def test_fine_lines(line):
    text = f"A fine line.\n{line}\nAnother one here."
    assert cut([text], LineCuts())[0][0] == text


def test_neighbouring_lines_are_one_cut_and_the_last_may_lack_its_newline():
    found = LineCuts()(pa.record_batch({"text": ["Home\nNews\n你好世界\nEnd"]}))
    assert [(one["start"], one["stop"]) for one in found["cuts"].to_pylist()[0]] == [(0, 10), (23, 26)]
    assert found["words_before"].to_pylist() == [7]
    assert found["words_cut"].to_pylist() == [3]


def test_an_empty_phrase_is_refused():
    with pytest.raises(ValueError, match="insides holds an empty phrase"):
        LineCuts(insides=("",))
