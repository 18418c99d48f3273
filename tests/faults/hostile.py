"""Files that are made to do harm, a few lines each: `python -m tests.faults.hostile FOLDER [--large]` writes them, 5 GB with `--large`.

`corpus` knows for each what its records must become: a document, or a row with which reason. Below FOLDER lies a folder a format.
"""

import bz2
import gzip
import io
import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.readers.made import page, record, response, warc

DOCUMENT = "document"
MB = 1 << 20
Bytes = Iterator[bytes] | bytes


class Hostile(NamedTuple):
    """`make`: the file's bytes, given whether it is to be large; `becomes`: its rows by reason, documents under DOCUMENT."""

    path: str
    make: Callable[[bool], Bytes]
    becomes: Callable[[bool], dict[str, int]]


FILES: list[Hostile] = []


def hostile(path: str, becomes: str | dict[str, int] | Callable[[bool], dict[str, int]]) -> Callable:
    """The function below is a file of the corpus; a reason alone stands for one row."""
    rows = {becomes: 1} if isinstance(becomes, str) else becomes

    def add(make: Callable[[bool], Bytes]) -> Callable[[bool], Bytes]:
        FILES.append(Hostile(path, make, rows if callable(rows) else lambda _: rows))
        return make

    return add


def corpus(folder: Path, large: bool = False) -> dict[str, Counter[str]]:
    """Write all files; what each must become, by its path below the folder."""
    for one in FILES:
        path = folder / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        made = one.make(large)
        with path.open("wb") as file:
            file.writelines([made] if isinstance(made, bytes) else made)
    return {one.path: Counter(one.becomes(large)) for one in FILES} | special(folder)


# Bombs


@hostile("jsonl/gzip.jsonl.gz", "decompression_bomb")
def gzip_bomb(large: bool) -> Bytes:
    return itertools.repeat(gzip.compress(bytes(64 * MB), mtime=0), 160 if large else 5)


@hostile("jsonl/zstd.jsonl.zst", "decompression_bomb")
def zstd_bomb(large: bool) -> Bytes:
    return itertools.repeat(zstandard.compress(bytes(64 * MB)), 160 if large else 5)


@hostile("text/bzip2.txt.bz2", "too_large")
def bzip2_bomb(large: bool) -> Bytes:
    return itertools.repeat(bz2.compress(bytes(32 * MB)), 99 if large else 1)


@hostile("text/nested.txt.gz", "invalid_utf8")
def archive_in_an_archive(_: bool) -> Bytes:
    """One is unpacked; the one within is no text, and it stays at that."""
    return gzip.compress(gzip.compress(bytes(64 * MB), mtime=0), mtime=0)


@hostile("warc/nested.warc.gz", {"too_large": 1, "not_text": 1, DOCUMENT: 1})
def bombs_in_payloads(_: bool) -> Bytes:
    bomb = gzip.compress(bytes(64 * MB), mtime=0)
    bombs = response(bomb, Content_Encoding="gzip"), response(bomb[:-9], Content_Encoding="br")
    return gzip.compress(warc(*bombs, response(page("after the bombs, the sea"))), mtime=0)


@hostile("warc/comments.warc", DOCUMENT)
def comments_that_could_be_parted(_: bool) -> Bytes:
    return warc(response(b"<!-- -->" * 40 + b"the sea", mime=None))


# Archives of the web that lie


@hostile("warc/lies.warc", {"wrong_length": 2, "broken_header": 2, DOCUMENT: 1})
def lying_headers(_: bool) -> Bytes:
    short, long = (response(page("a length that lies"), length=length) for length in (9, 10**12))
    endless = b"WARC/1.0\r\n" + b"X-Header: and so on\r\n" * 9000
    negative = response(page("minus"), length=-1)
    return warc(short, long, response(page("the sea is wide")), negative, b"no record\r\n\r\n", endless)


@hostile("warc/cut.warc", {"truncated_record": 1})
def cut_record(_: bool) -> Bytes:
    return response(page("a record that ends " * 99))[:900]


@hostile("warc/head.warc", {"broken_header": 1})
def cut_header(_: bool) -> Bytes:
    return record("response", b"")[:60]


# Pages


@hostile("html/deep.html", "nested_too_deep")
def levels(_: bool) -> Bytes:
    return b"<div>" * 100_000 + b"the sea"


@hostile("html/closed.html", "nested_too_deep")
def levels_that_close(_: bool) -> Bytes:
    return b"<b>" * 100_000 + b"the sea" + b"</b>" * 100_000


@hostile("html/tags.html", "too_many_tags")
def tags(_: bool) -> Bytes:
    return b"<p>" * 600_000


@hostile("html/line.html", "too_large")
def one_line(large: bool) -> Bytes:
    return itertools.repeat(b"<p>the sea</p>" * 70_000, 200 if large else 20)


@hostile("html/attributes.html", DOCUMENT)
def many_attributes(_: bool) -> Bytes:
    return b"<p " + b" ".join(b"a%d=1" % number for number in range(20_000)) + b">the sea</p>"


@hostile("html/entities.html", DOCUMENT)
def entities_and_comments(_: bool) -> Bytes:
    return b"<p>the sea" + b"&amp;&#1114112;&#x0;&#xD800;<!-->--><!--" * 5000 + b"</p>"


# Text


@hostile("jsonl/bytes.jsonl", {"invalid_utf8": 4, "nul_bytes": 2, "broken_json": 2, DOCUMENT: 2})
def bytes_that_are_no_text(_: bool) -> Bytes:
    overlong = (
        rb'{"text": "\xc0\xaf"}',
        rb'{"text": "\xe0\x80\xaf"}',
        rb'{"text": "\xf4\x90\x80\x80"}',
        rb'{"text": "\xed\xa0\x80"}',
    )
    raw = [line.decode("unicode_escape").encode("latin-1") for line in overlong]
    lone = rb'{"text": "\ud800"}', rb'{"text": "\udc00\ud800"}'
    nul = rb'{"text": "a\u0000b"}', b'{"text": "a\0b"}'
    fine = rb'{"text": "\ud83c\udf0a the sea"}', '{"text": "\uffff\U0010ffff\u202e the sea"}'.encode()
    return b"\n".join([*raw, *lone, *nul, *fine])


@hostile("text/overlong.txt", "invalid_utf8")
def overlong(_: bool) -> Bytes:
    return b"the sea \xc0\xaf\xe0\x80\xaf"


@hostile("text/nul.txt", "nul_bytes")
def nuls(_: bool) -> Bytes:
    return b"the sea\0" * 999


@hostile("jsonl/deep.jsonl", {"broken_json": 3, DOCUMENT: 1})
def json_levels(_: bool) -> Bytes:
    lists, objects = b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    lines = lists, b'{"text": "a", "b": ' + objects + b"}", b'{"text": "a", "b": ' + lists + b"}"
    return b"\n".join([*lines, b'{"text": "the sea is wide"}'])


@hostile("jsonl/numbers.jsonl", {"broken_json": 2, DOCUMENT: 1})
def numbers(_: bool) -> Bytes:
    digits = b"9" * 100_000
    return b'{"text": "a", "b": %s}\n{"text": 1e999}\n{"text": "b", "c": 0.%s}' % (digits, digits)


@hostile("jsonl/tiny.jsonl", lambda large: {DOCUMENT: 1_000_000 if large else 20_000})
def tiny_documents(large: bool) -> Bytes:
    return (b'{"text": "%c"}\n' % (97 + number % 26) * 1000 for number in range(1000 if large else 20))


@hostile("jsonl/huge.jsonl", {"too_large": 1, DOCUMENT: 1})
def one_document(large: bool) -> Bytes:
    """2 GB, in vain: a line is passed over from the first byte that is too much."""
    middle = itertools.repeat(b"the sea " * (MB // 8), 2000 if large else 101)
    return itertools.chain([b'{"text": "'], middle, [b'"}\n{"text": "after it"}'])


@hostile("jsonl/patterns.jsonl", lambda _: {DOCUMENT: len(PUMPS)})
def texts_that_never_end(large: bool) -> Bytes:
    """What a pattern or a kernel begins to read with hope: as long as a document may be when large."""
    size = 15 * MB if large else 20_000
    return (orjson.dumps({"text": fitted(pump, size)}) + b"\n" for pump in PUMPS)


PUMPS = (
    "a", "a ", "a\n", "1", "1 ", "1-", "@", "a@", "a@a.", "http://", "http://a.b/", "www.", "+86 1", "192.168.", "2001:", "{", "}",
    "<", "<a ", "<!--", "</", "[", "](", "```", "$$", "#", "…", "...", "•", "。", "，", "海", "海。", "所以我再想一想", "\u0301", "e\u0301",
    "\u200d", "👩‍👩‍👧‍👦", "\u202e", "\ufeff", "\U0010ffff", "the ", "the the a ", "lorem ipsum ", "ÃƒÂ", "ã", "\t", "\x85", "\u2028", "&amp;",
    "\\", '"', "'", "-", "--- \n", "|", "=", "%20", "user: ", "<think>", "ﷺ",
)  # fmt: skip


def fitted(pump: str, size: int) -> str:
    return "x " + pump * (size // len(pump.encode())) + " x"


@hostile("markdown/front.md", DOCUMENT)
def front_matter(_: bool) -> Bytes:
    """A billion laughs, in YAML."""
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    return f"---\na0: &a0 ha\n{levels}---\nthe sea is wide".encode()


@hostile("markdown/nested.md", DOCUMENT)
def nested_matter(_: bool) -> Bytes:
    return b"---\na: " + b"[" * 20_000 + b"\n---\nthe sea is wide"


# Tables


@hostile("parquet/bomb.parquet", "decompression_bomb")
def parquet_bomb(large: bool) -> Bytes:
    """Repeated values: little on disk, and more than any memory in it."""
    schema = pa.schema([("text", pa.string())])
    batch = pa.record_batch([pa.array(["the sea " * (MB // 8)] * 50)], schema=schema)
    return parquet(
        schema,
        [pa.Table.from_batches([batch] * (60 if large else 6))],
        compression="zstd",
        use_dictionary=False,
    )


@hostile("parquet/rows.parquet", {"broken_parquet": 1, DOCUMENT: 3})
def absurd_rows(_: bool) -> Bytes:
    """A footer that speaks of 2^61 rows in its one row group."""
    table = pa.table({"text": ["the sea"] * 3})
    sound = parquet(table.schema, [table])
    at = len(sound) - 8 - int.from_bytes(sound[-8:-4], "little")
    footer = sound[at:-8].replace(b"\x16\x06", b"\x16" + varint(2 << 61))
    return sound[:at] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@hostile("parquet/footer.parquet", "broken_parquet")
def absurd_footer(_: bool) -> Bytes:
    return b"PAR1" + bytes(99) + (2**31 - 1).to_bytes(4, "little") + b"PAR1"


@hostile("parquet/column.parquet", "too_large")
def absurd_value(large: bool) -> Bytes:
    table = pa.table({"text": pa.array(["the sea " * (30 * MB // 8)], pa.large_string())})
    return parquet(table.schema, [table], compression="none", use_dictionary=False)


def parquet(schema: pa.Schema, tables: Iterable[pa.Table], **options: object) -> bytes:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, **options) as writer:
        for table in tables:
            writer.write_table(table)
    return sink.getvalue()


def varint(value: int) -> bytes:
    """As Thrift's compact protocol writes a number."""
    low = bytes([value & 127])
    return low if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


# Names


NAMES = ("a..b.jsonl", "-rf.jsonl", "'; DROP TABLE documents; --.jsonl", "a\nb.jsonl", "海\u202e.jsonl", "*?[a].jsonl", "%2e%2e.jsonl")  # fmt: skip


def special(folder: Path) -> dict[str, Counter[str]]:
    """Names and things that are no plain files. What lies outside the folder is read where a link says so; devices never."""
    (folder / "names/deep").mkdir(parents=True, exist_ok=True)
    for name in (*NAMES, os.fsdecode(b"caf\xe9.jsonl")):
        (folder / "names" / name).write_bytes(orjson.dumps({"text": f"the sea of {os.fsencode(name)!r}"}))
    (folder / "outside.jsonl").write_text('{"text": "the sea outside"}')
    links = {
        "outside": "../outside.jsonl",
        "nowhere": "../../../gone.jsonl",
        "itself": "itself.jsonl",
        "zeros": "/dev/zero",
    }
    for name, target in links.items():
        link(folder / f"names/{name}.jsonl", target)
    link(folder / "names/deep/circle", "..")
    if not (folder / "names/pipe.jsonl").exists():
        os.mkfifo(folder / "names/pipe.jsonl")
    seen = dict.fromkeys((*NAMES, "caf\\udce9.jsonl", "outside.jsonl"), DOCUMENT)
    shut = {f"{name}.jsonl": "unreadable_file" for name in ("nowhere", "itself", "zeros", "pipe")}
    return {f"names/{name}": Counter({what: 1}) for name, what in (seen | shut).items()}


def link(path: Path, target: str) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


if __name__ == "__main__":
    made = corpus(Path(sys.argv[1]), "--large" in sys.argv)
    print("\n".join(f"{path}: {dict(rows)}" for path, rows in made.items()))
