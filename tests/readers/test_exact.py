import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.readers.exact import check_exact
from pipeline.readers.shape import Refused
from tests.oracles.records import twins_or_long

words = st.sampled_from(["a", "b", '"', "\\", '\\"', ":", '":', "海", ""])
names = st.lists(words, max_size=2).map("".join)
numbers = st.sampled_from(
    ["0", "-1", "1.5", "1e30", "18446744073709551615", "18446744073709551616", "-9223372036854775809"]
)
scalars = (
    st.builds(json.dumps, st.lists(words, max_size=3).map("".join), ensure_ascii=st.booleans()) | numbers
)
spaces = st.sampled_from(["", " "])


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    fields = st.tuples(names.map(json.dumps), spaces, values).map(lambda one: f"{one[0]}{one[1]}:{one[2]}")
    return st.lists(fields, max_size=3).map(lambda members: "{" + ", ".join(members) + "}")


lines = objects(
    st.recursive(scalars, lambda inner: objects(inner) | inner.map(lambda one: f"[{one}]"), max_leaves=5)
)


@given(line=lines.map(str.encode))
@example(line=b'{"a":1,"a" :2}')
@example(line=b'{"a":"\\\\","a":"\\\\"}')
@example(line=b'{"a":"\\"","\\"":"\\""}')
def test_a_line_is_refused_exactly_when_parsing_lost_something(line: bytes):
    assert refused(line) == twins_or_long(line)


def refused(line: bytes) -> bool:
    try:
        check_exact(line, orjson.loads(line))
    except Refused:
        return True
    return False


def test_the_detail_names_what_was_lost():
    for line, detail in [
        (b'{"k":1,"k":2}', "'k' stands twice"),
        (b'{"k":99999999999999999999999}', "99999999999999999999999"),
    ]:
        with pytest.raises(Refused, match=detail):
            check_exact(line, orjson.loads(line))


def test_a_large_number_that_was_never_an_integer_is_no_loss():
    check_exact(
        b'{"k":1e30,"l":123456789012345678901234.5}',
        orjson.loads(b'{"k":1e30,"l":123456789012345678901234.5}'),
    )
