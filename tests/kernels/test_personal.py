"""Personal data against regular expressions; and that no text makes the scanner slow."""

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.personal import FORMATS, KINDS, SCARCE, find_personal
from tests.oracles import generated
from tests.oracles import personal as oracle

EVERY = np.ones(len(KINDS), np.bool_)
KEYS = [prefix + "aB3dE5gH1jK7mN9p" * 6 for prefix, *_ in FORMATS]
PIECES = (
    *("a.b@mail.example.com", "@", "x@y", ".", "..", "-", "+", "%", "_", "b.co", "c-d.info", "xn--p1ai", "e@f.c", "@g.de."),
    *("8.8.8.8", "81.2.69.160", "192.168.1.1", "100.64.0.1", "256.1.1.1", "01.2.3.4", "1.2", "2001:4860:4860::8888", "::", "::1"),
    *("2001:db8::1", "2a00:1450:4001:81b:0:0:0:200e", ":", "2000:", "fe80::1", "abcd:", "3fff:ffff"),
    *("13800138000", "138-0013-8000", "138 0013 8000", "+86", "0086", "86", "+86 138 0013 8000", "010-62345678", "(0755)1234567"),
    *("(0755) 2234567", "(212) 555-0100", "212-555-0100", "+44 20 7183 8750", "+1 (212) 555-0100", "+1-212.555.0100", "(", ")"),
    *("11010519491231002X", "44052418800101001x", "440524188001010014", "110105194912310021", "X", "x"),
    *("4111111111111111", "4111 1111 1111 1111", "6222021234567890128", "378282246310005", "3782 822463 10005", "30569309025904"),
    *("5555-5555-5555-4444", "2223003122003222", "4111 1111 1111 1112", " 1234", "12/25"),
    *("AKIAIOSFODNN7EXAMPLE", "sk-", "eyJhbGciOiJIUzI1", ".eyJzdWIiOiIxMjM0", ".SflKxwRJSMeKKF2QT4", *KEYS[:6], "ghp_" + "a1B2" * 9),
    *("-----BEGIN RSA PRIVATE KEY-----", "\nMIIEow==\n", "-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----", "-----END "),
    *(" ", "\n", "，", "电话：", "é", "id=", "0", "1", "7", "a", "F", ",", "/", "👩‍🚀"),
)  # fmt: skip
near = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
numbers = st.text("0123456789 -.()+xX:@aef,", max_size=24)
texts = st.one_of(near, numbers, generated.texts)


def found(batch: list[str], kinds: set[str]) -> list[list[tuple[int, int, str]]]:
    """What the kernel finds, in characters."""
    wanted = np.array([kind in kinds for kind in KINDS])
    first, finds, counts = find_personal(pa.array(batch, pa.string()), wanted)
    assert counts.sum(axis=0).tolist() == np.diff(first).tolist()
    rows = []
    for row, text in enumerate(batch):
        data = text.encode()
        places = finds[:, first[row] : first[row + 1]].T.tolist()
        rows.append(
            [
                (len(data[:start].decode()), len(data[:stop].decode()), KINDS[kind])
                for start, stop, kind in places
            ]
        )
    return rows


@given(st.lists(texts, max_size=6))
def test_what_is_found_is_what_the_expressions_find(batch):
    assert found(batch, oracle.ALL) == [oracle.find(text, oracle.ALL) for text in batch]


def test_more_finds_than_there_was_room_for():
    batch = ["a@mail.org 8.8.4.4 " * SCARCE, "no more", "13800138000"]
    assert found(batch, oracle.ALL) == [oracle.find(text, oracle.ALL) for text in batch]


@given(near, st.sets(st.sampled_from(KINDS), min_size=1))
def test_only_the_kinds_that_are_asked_for_are_found(text, kinds):
    assert found([text], kinds) == [oracle.find(text, kinds)]


@given(st.lists(near, max_size=5), st.data())
def test_a_slice_is_searched_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    first, finds, counts = find_personal(pa.array(batch, pa.string()).slice(start), EVERY)
    whole = find_personal(pa.array(batch[start:], pa.string()), EVERY)
    assert all(np.array_equal(one, other) for one, other in zip((first, finds, counts), whole, strict=True))


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a@",
            "a@b.",
            "1",
            "1 ",
            "1-",
            "+1",
            "(0",
            "1.",
            "a:",
            "2001:",
            "::",
            "e",
            "eyJ",
            "eyJaaaaaaaaaa-",
            "eyJaaaaaaaaaa.",
        ),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ",
            "sk-",
            "sk-proj-",
            "xoxb-aaaaaaaaaaaaaaaaaaaaa-",
            "x.",
            "%",
            "1380013800",
        ),
    ],
)
def test_no_text_takes_more_than_linear_time(unit):
    """A megabyte of what might make it start again and again: at most a few hundred steps a byte."""
    find_personal(pa.array([unit * 10]), EVERY)
    text = pa.array([unit * (1_000_000 // len(unit))])
    begin = time.process_time()
    find_personal(text, EVERY)
    assert time.process_time() - begin < 5


@pytest.mark.shared
@pytest.mark.parametrize("name", ["en_acl_papers", "docs_permissive", "tldr_pages", "zh_law"])
def test_real_texts_are_searched_as_the_expressions_search_them(shared, name):
    from tests.kernels.test_real_text import load

    real = load(shared / "corpus" / f"{name}.jsonl.zst")
    assert found(real, oracle.ALL) == [oracle.find(text, oracle.ALL) for text in real]
