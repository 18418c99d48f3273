"""The compiled classifier against the fastText package, with the model that ships."""

from collections import Counter
from struct import pack

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.fasttext import MAGIC, huffman, predict, read_model
from pipeline.measures.language import LANGUAGES, language_model
from tests.oracles import fasttext as oracle
from tests.oracles import generated

SENTENCES = (
    *(
        "the sea is wide and that is it",
        "天地玄黃宇宙洪荒",
        "他说hello世界",
        "Bonjour à tous, ça va",
        "это море",
        "__label__en",
    ),
    *("a\0b\tc\x0bd\x0ce\rf", "__label__", "ñandú", "いろはにほへと", "가나다", "\U0010ffff"),
)
texts = st.one_of(generated.texts, st.lists(st.sampled_from(SENTENCES), max_size=12).map(" ".join))


def agrees(text: str, labels: list[str], scores: list[float]) -> bool:
    """Equal labels and scores, but for labels whose scores are all but equal."""
    expected = oracle.best_two(text)
    close = all(abs(one - other) < 1e-4 for (_, one), other in zip(expected, scores, strict=True))
    tied = abs(expected[0][1] - expected[1][1]) < 1e-4
    return close and (tied or labels[0] == expected[0][0])


@given(st.lists(texts, max_size=5), st.sampled_from([48, 60, 2048]))
def test_the_two_likeliest_labels_are_those_of_fasttext(batch, max_bytes):
    model = language_model()
    found = predict(pa.array(batch, pa.string()), model, max_bytes)
    for row, text in enumerate(batch):
        labels = [model.labels[label] for label in found.labels[:, row]]
        assert agrees(oracle.samples(text, max_bytes), labels, found.scores[:, row].tolist()), text


@given(st.lists(texts, max_size=5), st.data())
def test_a_slice_is_labelled_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    for one, other in zip(
        predict(whole.slice(start), language_model(), 60), predict(whole, language_model(), 60), strict=True
    ):
        assert one.tolist() == other[:, start:].tolist()


@given(st.lists(st.text("ab中文é 9。", max_size=40), max_size=4))
def test_letters_are_counted_by_script(batch):
    letters = predict(pa.array(batch, pa.string()), language_model(), 2048).letters
    expected = [Counter(text) for text in batch]
    assert letters[1].tolist() == [one["中"] + one["文"] for one in expected]
    assert letters[2].tolist() == [one["a"] + one["b"] + one["é"] for one in expected]
    assert letters[0].tolist() == (letters[1] + letters[2]).tolist()


def test_its_labels_are_those_that_a_recipe_may_name():
    assert sorted(language_model().labels) == sorted(LANGUAGES)


@pytest.mark.parametrize(
    ("counts", "children"),
    [
        ([5], []),
        ([5, 3], [[1, 0]]),
        ([9, 5, 3, 1], [[3, 2], [4, 1], [5, 0]]),  # 1 + 3, with 5, with 9
        ([4, 4, 4, 4], [[3, 2], [1, 0], [4, 5]]),
    ],
)
def test_the_tree_joins_the_rarest_first(counts, children):
    assert huffman(counts).tolist() == children


def test_other_files_are_refused():
    with pytest.raises(ValueError, match="no fastText model"):
        read_model(pack("<ii", 1, 12))
    with pytest.raises(ValueError, match="hierarchical softmax"):
        read_model(pack("<ii12id", MAGIC, 12, *[2] * 12, 0.1))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["tldr_pages", "udhr2_languages", "zh_poetry"])
def test_real_texts_are_labelled_as_fasttext_labels_them(shared, name):
    from tests.kernels.test_real_text import load

    model, real = language_model(), load(shared / "corpus" / f"{name}.jsonl.zst")
    found = predict(pa.array(real, pa.string()), model, 1 << 30)
    for row, text in enumerate(real):
        labels = [model.labels[label] for label in found.labels[:, row]]
        assert agrees(text, labels, found.scores[:, row].tolist())
