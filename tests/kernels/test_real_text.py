"""Kernels against their twins on real documents: papers, laws, pages in sixteen languages."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from pipeline.kernels.characters import COUNTS, variety
from pipeline.kernels.cuts import apply
from pipeline.kernels.grams import character_grams, word_grams
from pipeline.kernels.lines import phrases
from pipeline.kernels.normalise import normalise
from pipeline.kernels.repeated_lines import repeated_lines
from pipeline.kernels.surface import surface
from pipeline.measures.c4 import C4Cuts
from pipeline.measures.jieba import JiebaWords
from pipeline.measures.refinedweb import LineCuts
from tests.kernels.test_normalise import naive
from tests.oracles import c4 as c4_oracle
from tests.oracles import characters as characters_oracle
from tests.oracles import grams as grams_oracle
from tests.oracles import jieba as jieba_oracle
from tests.oracles import lines as lines_oracle
from tests.oracles import repeated_lines as repeated_lines_oracle
from tests.oracles import surface as surface_oracle


def load(path: Path) -> list[str]:
    """Every 60th document, its first 10,000 characters."""
    with zstandard.open(path, "rt", encoding="utf-8") as rows:
        return [json.loads(row)["text"][:10_000] for place, row in enumerate(rows) if place % 60 == 0]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["en_acl_papers", "zh_law", "tldr_pages", "udhr2_languages"])
def test_kernels_equal_their_twins_on_real_text(shared, name):
    texts = load(shared / "corpus" / f"{name}.jsonl.zst")
    array = pa.array(texts, pa.string())
    assert surface(array).T.tolist() == [list(surface_oracle.surface(text)) for text in texts]
    assert normalise(array).to_pylist() == [naive(text) for text in texts]
    found = LineCuts()(pa.record_batch({"text": array}))
    expected = [lines_oracle.cut_lines(text, LineCuts()) for text in texts]
    assert apply(array, found["cuts"]).to_pylist() == [text for text, _, _ in expected]
    assert found["words_cut"].to_pylist() == [cut for _, _, cut in expected]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["en_acl_papers", "zh_law", "docs_permissive", "udhr2_languages"])
def test_kernels_of_rule_sets_equal_their_twins_on_real_text(shared, name):
    texts = [text[:3000] for text in load(shared / "corpus" / f"{name}.jsonl.zst")]
    array = pa.array(texts, pa.string())
    lines = [list(repeated_lines_oracle.repeated_lines(text, 30)) for text in texts]
    assert repeated_lines(array, 30).T.tolist() == lines
    words, (characters, _) = word_grams(array), character_grams(array)
    for row, text in enumerate(texts):
        for size in (2, 4, 5, 10):
            found = tuple(int(one[size, row]) for one in words)
            assert found == grams_oracle.repeats(text.split(), size)
        found = tuple(int(one[13, row]) for one in characters)
        assert found == grams_oracle.repeats("".join(text.split()), 13)
    counts, _ = variety(array, phrases(("更多",)), 1000)
    wanted = [characters_oracle.variety(text, ("更多",), 1000) for text in texts]
    rest = [row for row, name in enumerate(COUNTS) if name != "marks"]
    assert counts[rest].T.tolist() == [[one[row] for row in rest] for one in wanted]
    batch = pa.record_batch({"text": array})
    cut = C4Cuts()(batch)
    expected = [c4_oracle.cut_page(text, C4Cuts()) for text in texts]
    assert apply(array, cut["c4_cuts"]).to_pylist() == [text for text, *_ in expected]
    assert cut["sentences"].to_pylist() == [sentences for _, sentences, _, _ in expected]
    measure = JiebaWords()
    assert [tuple(row.values()) for row in measure(batch).to_pylist()] == [
        jieba_oracle.jieba_words(text, measure) for text in texts
    ]
