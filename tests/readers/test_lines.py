import io

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.readers import Extent, Total, count_records, raw_digest
from pipeline.readers.lines import lines
from tests.oracles.records import positions
from tests.readers.memory import Rows, opener, reading_of, rows

pieces = st.sampled_from(
    [b"\n", b"\r\n", b" ", b'{"text":"a"}', '{"text":"海天"}'.encode(), b"x", b"\xef\xbb\xbf", b"\xe6", b"\0"]
)
files = st.lists(pieces, max_size=12).map(b"".join)


@given(data=files, edges=st.lists(st.integers(0, 150), max_size=4))
@example(data=b'{"text":"a"}\n{"text":"b"}\n', edges=[12, 13, 14])
@example(data=b'{"text":"a"}', edges=[0, 5])
@example(data=b"\xef\xbb\xbf\n" + b'{"text":"a"}', edges=[2])
def test_however_a_file_is_cut_its_rows_are_the_same(data: bytes, edges: list[int]):
    """And so are their number, counted by another way, and the bytes that are digested."""
    whole, reading, path = rows(data), reading_of(), "a.jsonl"
    inner = sorted({edge for edge in edges if 0 < edge < len(data)})
    found = Rows([], [], Total("", 0, 0))
    for start, stop in zip([0, *inner], [*inner, None], strict=True):
        part, extent = rows(data, reading, path, start, stop), Extent(path, path, start, stop)
        found = Rows(found.documents + part.documents, found.quarantine + part.quarantine, part.total)
        assert part.total.records == len(part.documents) + len(part.quarantine)
        assert count_records(extent, reading, opener({path: data})) == part.total.records
        assert raw_digest(extent, opener({path: data})) == part.total.digest
        assert part.total.digest == raw_digest(Extent("b", "b"), opener({"b": data[start:stop]}))
    assert found[:2] == whole[:2]


@given(data=files)
def test_rows_are_the_lines_that_are_not_blank(data: bytes):
    found = rows(data)
    ids = sorted(row["id"] for row in found.documents + found.quarantine)
    wanted = list(positions(data)) if data else [0]
    assert [int.from_bytes(one[8:14], "big") for one in ids] == wanted


@given(data=files, sizes=st.lists(st.integers(1, 9), min_size=1), longest=st.integers(0, 20))
def test_blocks_may_end_anywhere(data: bytes, sizes: list[int], longest: int):
    """Also lines above the limit, of which the size is known and the beginning shown."""
    file = io.BytesIO(data)
    blocks = iter([block for size in sizes * len(data) if (block := file.read(size))])
    parts = data.split(b"\n")
    wanted = parts if parts[-1] else parts[:-1]
    found = list(lines(blocks, 0, None, longest))
    assert [size for _, _, size in found] == [len(line) for line in wanted]
    for (_, text, size), line in zip(found, wanted, strict=True):
        assert text == line if size <= longest else line.startswith(text)
