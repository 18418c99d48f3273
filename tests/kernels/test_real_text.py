"""Kernels against their twins on real documents: papers, laws, pages in sixteen languages."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from pipeline.kernels.cuts import apply
from pipeline.kernels.normalise import normalise
from pipeline.kernels.repeats import repeated_grams
from pipeline.kernels.surface import surface
from pipeline.measures.refinedweb import LineCuts
from tests.kernels.test_normalise import naive
from tests.oracles import lines as lines_oracle
from tests.oracles import repeats as repeats_oracle
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
    assert repeated_grams(array).T.tolist() == [list(repeats_oracle.repeated_grams(text)) for text in texts]
    found = LineCuts()(pa.record_batch({"text": array}))
    expected = [lines_oracle.cut_lines(text, LineCuts()) for text in texts]
    assert apply(array, found["cuts"]).to_pylist() == [text for text, _, _ in expected]
    assert found["words_cut"].to_pylist() == [cut for _, _, cut in expected]
