"""Words of jieba against lists; the same in both scripts; nothing of texts that are not Chinese."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.measures.jieba import JiebaWords
from tests.oracles import generated
from tests.oracles import jieba as oracle

PARTS = (
    "我们都有一个家，",
    "名字叫中国。",
    "國家圖書館",
    "的",
    "於",
    "月",
    " ",
    "\n",
    "hello world ",
    "3.14",
    "\x1f",
    "１２",
    "½",
    "，",
    "👩",
)
pages = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)
batches = st.lists(st.one_of(pages, generated.texts), max_size=4)


def rows(texts: list[str], measure: JiebaWords) -> list[tuple[int, ...]]:
    found = measure(pa.record_batch({"text": pa.array(texts, pa.string())}))
    return [tuple(row.values()) for row in found.to_pylist()]


@pytest.mark.parametrize(
    "measure", [JiebaWords(), JiebaWords(hidden_markov=False, min_han_share=0.5, stop_words="国名，a")]
)
@settings(deadline=None, max_examples=60)
@given(batch=batches)
def test_words_are_counted_as_defined(measure, batch):
    assert rows(batch, measure) == [oracle.jieba_words(text, measure) for text in batch]


def test_both_scripts_count_alike():
    simplified = "国家图书馆收藏了许多历史书籍，读者可以在这里阅读、学习和研究，后来的人也由此为学。" * 2
    traditional = "國家圖書館收藏了許多歷史書籍，讀者可以在這裡閱讀、學習和研究，後來的人也由此為學。" * 2
    one, other = rows([simplified, traditional], JiebaWords())
    assert one == other
    assert min(one[:6]) > 5


def test_english_is_not_segmented():
    assert set(rows(["The sea is wide, and the hills are high. 山"], JiebaWords())[0]) == {0}


def test_stop_words_have_room():
    with pytest.raises(ValueError, match="at most 64"):
        JiebaWords(stop_words="字" * 65)
