"""What the benchmarks read: the corpora beside the project, zh and en apart, and a larger one grown from them.

All lies below the cache folder, made once: texts as JSONL, Parquet and Arrow, web pages as WARC and bare, a tokenizer. Copy 0
of a language is its corpus in an order of chance; in every further copy one in six of the rarer words (Chinese: characters)
stands for another one throughout. So each copy has the corpus's lengths, lines, and duplicates among its own documents, and
no document of it is a near duplicate of one in another copy. Sixteen copies of both languages are 1 GB.
"""

import ast
import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.environments import CACHE
from tests.readers.made import response, warc

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
CORPORA = {
    "en": ("docs_permissive", "en_acl_papers", "en_books_classic", "en_movie_reviews", "en_nltk_speeches"),
    "zh": ("docs_permissive", "zh_classical_text", "zh_law", "zh_poetry"),
    "other": ("tldr_pages", "udhr2_languages"),
}
CODES = {"en": ("en",), "zh": ("zh", "lzh")}  # of the documents that are taken; of "other" all
BATCH = 8 << 20  # bytes of text in an Arrow batch
COMMON = 100  # words or characters that no edit touches: stop words stay stop words
ONE_IN = 6
LONG = 40_000  # bytes
TINY = 20  # documents
PAGES = 4.3  # MB of all pages
END_TOKEN = "<|endoftext|>"  # no password
VOCABULARY = 64_000
WORDS = (  # how Qwen2's tokenizer.json cuts words
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
Row = dict[str, Any]


class Input(NamedTuple):
    """Files of one language and form. `bytes`: of text, or of HTML."""

    files: tuple[str, ...]
    documents: int
    bytes: int


def texts(language: str, megabytes: float, form: str) -> Input:
    """About so much text: a sample, or whole copies."""
    if megabytes <= 16:
        return sample(language, int(megabytes), form)
    return copies(language, round(megabytes / 30), form)


def sample(language: str, megabytes: int, form: str = "jsonl") -> Input:
    """The first documents of the corpus, as many as fit; with 0 the first twenty."""
    return files(f"{language}-{megabytes}mb", form, lambda: first(corpus(language), megabytes * 1_000_000))


def long(language: str, megabytes: float, form: str) -> Input:
    """The corpus's documents of more than 40 kB, as often as it takes; or almost nothing."""
    if not megabytes:
        return sample(language, 0, form)
    once = files(f"{language}-long", form, lambda: (row for row in corpus(language) if size(row) > LONG))
    return together([once] * max(1, round(megabytes * 1e6 / once.bytes)))


def copies(language: str, count: int, form: str = "jsonl") -> Input:
    """`count` copies of the corpus, a file each."""
    found = [files(f"{language}-{copy:02}", form, lambda copy=copy: edited(language, copy)) for copy in range(count)]  # fmt: skip
    return together(found)


def together(inputs: Sequence[Input]) -> Input:
    names = tuple(name for one in inputs for name in one.files)
    return Input(names, sum(one.documents for one in inputs), sum(one.bytes for one in inputs))


@cache
def folder() -> Path:
    """Below the cache, by this file's code. FileNotFoundError where there are no corpora."""
    if not (SHARED / "corpus").is_dir():
        raise FileNotFoundError(f"{SHARED}: the benchmarks read the corpora there, and it is no folder")
    code = ast.dump(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    place = CACHE / f"bench-inputs-{hashlib.sha256(code.encode()).hexdigest()[:8]}"
    place.mkdir(parents=True, exist_ok=True)
    return place


def files(name: str, form: str, make: Callable[[], Iterator[Row]]) -> Input:
    """One file, and beside it what is in it; made when it is not there."""
    path = folder() / f"{name}.{form}"
    facts = Path(f"{path}.facts")
    if not facts.exists():
        rows = list(make())
        FORMS[form](path, rows)
        facts.write_text(json.dumps({"documents": len(rows), "bytes": sum(map(size, rows))}))
    return Input((str(path),), **json.loads(facts.read_text()))


def size(row: Row) -> int:
    return len(row["text"].encode())


def write_jsonl(path: Path, rows: list[Row]) -> None:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def write_parquet(path: Path, rows: list[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", row_group_size=2000)


def write_arrow(path: Path, rows: list[Row]) -> None:
    """Texts alone, in batches."""
    schema, held, full = pa.schema([("text", pa.string())]), list[str](), 0
    with pa.ipc.new_file(str(path), schema) as file:
        for row in rows:
            if held and full + size(row) > BATCH:
                file.write(pa.record_batch({"text": held}))
                held, full = [], 0
            held.append(row["text"])
            full += size(row)
        file.write(pa.record_batch({"text": pa.array(held, pa.string())}))


FORMS = {"jsonl": write_jsonl, "parquet": write_parquet, "arrow": write_arrow}


# Texts


def read(name: str) -> list[Row]:
    with zstandard.open(SHARED / f"corpus/{name}.jsonl.zst", "rt", encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


@cache
def corpus(language: str) -> list[Row]:
    """All documents of a language, in an order of chance."""
    rows = [row for name in CORPORA[language] for row in read(name)]
    if language in CODES:
        rows = [row for row in rows if row["lang"] in CODES[language]]
    return [rows[index] for index in np.random.default_rng(0).permutation(len(rows))]


def first(rows: list[Row], most: int) -> Iterator[Row]:
    """The first rows of at most so many bytes together, those passed over that do not fit."""
    if not most:
        yield from rows[:TINY]
        return
    held = 0
    for row in rows:
        if held + size(row) <= most:
            held += size(row)
            yield row


def edited(language: str, copy: int) -> Iterator[Row]:
    edit = (edit_han if language == "zh" else edit_words)(copy) if copy else str
    for row in corpus(language):
        yield {**row, "id": f"{row['id']}#{copy}", "text": edit(row["text"])}


def edit_words(copy: int) -> Callable[[str], str]:
    other = swapped([word for word, _ in common_words() if word.isalpha()][COMMON:], copy)
    return lambda text: " ".join([other.get(word, word) for word in text.split(" ")])


@cache
def common_words() -> list[tuple[str, int]]:
    return Counter(word for row in corpus("en") for word in row["text"].split(" ")).most_common()


def edit_han(copy: int) -> Callable[[str], str]:
    table = str.maketrans(swapped(common_han()[COMMON:], copy))
    return lambda text: text.translate(table)


@cache
def common_han() -> list[str]:
    counted = Counter(one for row in corpus("zh") for one in row["text"] if "\u3400" <= one <= "\u9fff")
    return [one for one, _ in counted.most_common()]


def swapped(words: list[str], copy: int) -> dict[str, str]:
    """One in six words, each with what stands for it."""
    chance = np.random.default_rng(copy)
    chosen = [words[index] for index in np.flatnonzero(chance.random(len(words)) < 1 / ONE_IN)]
    return dict(zip(chosen, chosen[1:] + chosen[:1], strict=True))


# Pages


def responses() -> Iterator[tuple[bytes, str | None]]:
    """(HTML, charset that a server said): those of readability's own tests, and the responses of Dolma's."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    for path in sorted(SHARED.glob("html/readability/*/source.html")):
        yield path.read_bytes(), None
    for path in sorted(SHARED.glob("warc/dolma/*")):
        stream = io.BytesIO(gzip.decompress(path.read_bytes()))
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            yield record.reader.read(), record.http_charset


def pages(_language: str, megabytes: float, form: str) -> Input:
    """All pages, several times: a `warc` file, or an `arrow` file of (html, charset)."""
    times = max(1, round(megabytes / PAGES))
    path = folder() / f"pages-{times}.{form}"
    facts = Path(f"{path}.facts")
    if not facts.exists():
        found = list(responses()) * times
        if form == "warc":
            path.write_bytes(warc(*(response(html, charset=charset) for html, charset in found)))
        else:
            batch = pa.record_batch({"html": [html for html, _ in found], "charset": pa.array([one for _, one in found], pa.string())})  # fmt: skip
            with pa.ipc.new_file(str(path), batch.schema) as file:
                file.write(batch)
        facts.write_text(json.dumps({"documents": len(found), "bytes": sum(len(html) for html, _ in found)}))
    return Input((str(path),), **json.loads(facts.read_text()))


# What else a work needs


def lengths(_language: str, millions: float, _form: str) -> Input:
    """So many documents' lengths, which the work draws itself; a million counts as a MB."""
    count = int(millions * 1_000_000) or 1000
    return Input((), count, count)


def benchmarks() -> list[str]:
    return sorted(map(str, (SHARED / "benchmarks").glob("*.jsonl.zst")))


def questions() -> str:
    """A file of [question, answer] pairs of every benchmark, for tools that do not read benchmarks."""
    from pipeline.data.files import content
    from pipeline.measures.benchmarks import Fields, benchmark

    path = folder() / "questions.json"
    if not path.exists():
        known = [benchmark(one, content(one), Fields()) for one in benchmarks()]
        items = [[item.question, item.answer] for one in known for item in one.items.values()]
        path.write_text(json.dumps(items))
    return str(path)


def language_model() -> str:
    """Where lid.176.ftz lies."""
    from importlib.metadata import files as files_of

    from pipeline.measures.language import FILE, PACKAGE

    return str(next(one.locate() for one in files_of(PACKAGE) or () if one.name == FILE))


def tokenizer() -> str:
    """A byte-level BPE of 64,000 ids, Qwen's words and NFC, trained on 8 MB of each language."""
    path = folder() / "tokenizer.json"
    if not path.exists():
        from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

        made = Tokenizer(models.BPE())
        made.normalizer = normalizers.NFC()
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(WORDS), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        made.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[END_TOKEN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        texts = (row["text"] for language in ("zh", "en") for row in first(corpus(language), 8_000_000))
        made.train_from_iterator(texts, trainer)
        made.save(str(path))
    return str(path)
