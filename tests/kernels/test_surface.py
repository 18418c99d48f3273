"""Surface counts against the methods of str."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.surface import COUNTS, surface
from tests.oracles import generated
from tests.oracles import surface as oracle


@given(generated.batches)
def test_every_count_is_its_definition(batch):
    counts = surface(pa.array(batch, pa.string()))
    assert counts.T.tolist() == [list(oracle.surface(text)) for text in batch]


@given(generated.batches, st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert surface(whole.slice(start)).tolist() == surface(whole)[:, start:].tolist()


def test_an_example_by_hand():
    counts = dict(zip(COUNTS, surface(pa.array(["- The 1st...\n\n  他 #和…\n"]))[:, 0].tolist(), strict=True))
    assert counts == {
        "characters": 22,
        "words": 5,  # - The 1st... 他 #和…
        "word_characters": 14,
        "symbols": 1,
        "ellipses": 2,
        "lines": 2,
        "bullet_lines": 1,
        "ellipsis_lines": 2,
        "alphabetic_words": 4,
        "stop_words": 1,
        "letters": 7,
        "digits": 1,
        "han": 2,
    }
