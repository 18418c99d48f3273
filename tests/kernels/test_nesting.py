import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.nesting import HIDING, UNCLOSED, nesting
from tests.oracles import nesting as oracle

NAMES = [
    *UNCLOSED,
    *HIDING,
    "div",
    "span",
    "b",
    "h1",
    "blockquote",
    "optgroup",
    "custom-element",
    "abcdefgh",
    "abcdefghi",
    "",
]
tags = st.tuples(
    st.sampled_from(["<", "</", "< ", "<!", "<?"]),
    st.sampled_from(NAMES),
    st.sampled_from(["", ">", " a=b>", "/>"]),
)
soup = st.lists(
    st.builds("".join, tags) | st.builds(str.upper, st.builds("".join, tags)) | st.text(max_size=5),
    max_size=40,
)


@given(pieces=soup, serialised=st.booleans())
def test_nesting_is_its_definition(pieces: list[str], serialised: bool):
    page = "".join(pieces).encode()
    assert nesting(np.frombuffer(page, np.uint8), serialised) == oracle.nesting(page, serialised)


@given(page=st.binary(max_size=200))
def test_any_bytes_have_a_nesting(page: bytes):
    assert nesting(np.frombuffer(page, np.uint8)) == oracle.nesting(page, serialised=False)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("", (0, 0, 0)),
        ("<div><b>海</b></div>", (2, 4, 0)),  # levels at the tags: 1, 2, 1, 0
        ("<ul><li>a<li>b<br></ul>", (1, 1, 0)),
        ("</div></div><div>", (1, 1, 0)),
        ("<div></span><div></span>", (1, 2, 2)),
        ("<div><object></div></object>", (2, 4, 1)),
    ],
)
def test_nesting_by_hand(page: str, found: tuple[int, int, int]):
    assert nesting(np.frombuffer(page.encode(), np.uint8)) == found


def test_a_hundred_thousand_levels():
    assert nesting(np.frombuffer(b"<div>" * 100_000, np.uint8)).deepest == 100_000
