"""The conformance test passes a model that keeps documents apart, and says what one without mask or reset does."""

import numpy as np
import pytest

from pipeline.feed.conformance import made, problems, texts
from tests.feed.attention import VOCABULARY, Attention


@pytest.mark.parametrize("length", [32, 64, 251])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_with_mask_and_reset_conforms(length: int, seed: int):
    assert problems(Attention(), VOCABULARY, length, seed) == []


def test_a_model_without_mask_is_found_at_every_later_document():
    found = problems(Attention(masked=False), VOCABULARY)
    leaks = [one for one in found if "goes across documents" in one]
    assert [
        (number, other)
        for number in range(1, 6)
        for other in range(1, 6)
        if any(
            one.startswith(f"other tokens in document {number} change the logits of document {other},")
            for one in leaks
        )
    ] == [(number, other) for number in range(1, 6) for other in range(number + 1, 6)]


def test_a_model_without_position_reset_is_found_though_nothing_leaks():
    found = problems(Attention(reset=False), VOCABULARY)
    assert found
    assert all("positions do not begin anew" in one for one in found)


def test_a_leak_of_the_last_bit_is_one():
    def leaking(tokens, positions, segments):
        logits = Attention()(tokens, positions, segments)
        logits[0, 20, 0] = np.nextafter(logits[0, 20, 0], np.float32(np.inf) * (-1) ** int(tokens[0, 0] % 2))
        return logits

    (found,) = problems(leaking, VOCABULARY)
    assert found.startswith("other tokens in document 1 change the logits of document 3")


def test_a_model_that_looks_into_the_padding_is_found():
    def looking(tokens, positions, segments):
        return Attention()(tokens, positions, segments) + tokens[0, -1]

    assert any("tokens in the padding" in one for one in problems(looking, VOCABULARY))


def test_the_pack_that_is_tried_is_one_as_the_feed_gives_it():
    """Several documents, short and long, and padding; segments and positions as in ship.segments."""
    pack = made(texts(VOCABULARY, 64, 0), 64)
    sizes = [where.stop - where.start for where in pack.documents]
    assert sizes == [7, 3, 25, 18, 7]
    assert pack.segments[0].tolist() == [
        *(number for number, size in enumerate(sizes, 1) for _ in range(size)),
        *[0] * 4,
    ]
    assert pack.positions[0].tolist() == [at for size in [*sizes, 4] for at in range(size)]
    assert len(np.unique(pack.tokens)) > 20


def test_what_is_no_logits_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"shape \(1, 64\), not \[1, 64, vocabulary\]"):
        problems(lambda tokens, *_: tokens, VOCABULARY)
    with pytest.raises(ValueError, match="length 8 must be 32 or more"):
        problems(Attention(), VOCABULARY, length=8)
