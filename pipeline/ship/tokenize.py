"""Texts → token ids, by any Hugging Face `tokenizer.json`.

`fastokens` gives the same ids as `tokenizers`, ten times faster and more (tests/benchmarks/LOG.md). It is young, so every
process compares the two on hostile texts before it trusts it, and falls back to `tokenizers` when they differ.
"""

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

Flat = tuple[np.ndarray, np.ndarray]  # uint32 ids of all texts, and uint64[texts + 1] where each begins
Encode = Callable[[Sequence[str]], Flat]

CANARIES = (
    "",
    " ",
    "\n",
    "\n\n\n\n \n\t\n",
    "The quick brown fox, 3.14159 times; it's we'll I'd've.",
    "中文，全角ＡＢＣ１２３。“引号”……《书名》",
    "繁體中文與日本語カナひらがな、한국어 ไทย العربية עברית",
    "e\u0301 e\u0301\u0302 \u0301\u0302\u0303",
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "\U0010ffff\u200b\u2028\u2029\x85\ufeff",
    "a" * 3000,
    "哈" * 1500,
    " " * 500 + "x",
    "\r\n\r\n line\r\n",
    "<|endoftext|> in text <|endoftext|><s></s>[CLS]",
    "https://example.org/a?b=c&d=%E4%B8%AD#x",
    "def f(x):\n    return {'a': [1, 2, 3]}\n",
    "1234567890 000 1e-9 0x1F",
    "ﬁ ﬂ ² ½ Ⅻ ㍿",
    "mixed中文and英文text混合",
)
SCRIPTS = tuple(  # a sample of every 256 characters: engines may know different versions of Unicode
    "".join(map(chr, range(first, first + 256, 8)))
    for first in range(0, 0x32000, 256)
    if not 0xD800 <= first < 0xE000
)
PARAGRAPH, SENTENCE = 2, 1  # what a token may end
ENDERS, CLOSERS = "。！？!?.…", "”’\"'»)]）」』】》 \t\u3000"


@dataclass(frozen=True)
class Tokenizer:
    """One tokenizer, loaded."""

    json: str
    digest: str  # of the file's bytes, 32 hex digits
    end_token: str
    reference: Encode = field(compare=False, repr=False)
    ids: dict[str, int] = field(compare=False, repr=False)  # every token, added ones too

    @cached_property
    def chosen(self) -> tuple[str, Encode]:
        """Looked for when it is first asked for: a run that is planned encodes nothing."""
        canaries = [*CANARIES, *SCRIPTS, *(f"a{token} b{token}\n" for token in added(self.json))]
        return fastest(self.json, self.reference, canaries)

    @property
    def engine(self) -> str:
        """Name and version."""
        return self.chosen[0]

    @property
    def encode_flat(self) -> Encode:
        return self.chosen[1]

    @property
    def dtype(self) -> pa.DataType:
        """uint16 where the whole id space allows, added tokens too; else uint32."""
        return pa.uint16() if max(self.ids.values()) < 1 << 16 else pa.uint32()

    def token_id(self, token: str) -> int:
        """The id of one token; ValueError names near ones."""
        if token not in self.ids:
            special = [name for name in self.ids if name.startswith(("<", "["))]
            near = difflib.get_close_matches(token, special, 3, 0.3)
            raise ValueError(
                f"the tokenizer has no token {token!r}{'; near: ' + ', '.join(near) if near else ''}"
            )
        return self.ids[token]

    def encode(self, texts: pa.StringArray) -> pa.ListArray:
        """list<uint16 or uint32>[n]: the ids of each text and the end token; nothing is put in front.

        The text of a special token that stands in a document is that token, in both engines, as when a trainer calls them.
        """
        ids, offsets = self.encode_flat(texts.to_pylist())
        ends = offsets[1:].astype(np.int64)
        with_ends = np.insert(ids, ends, self.token_id(self.end_token))
        starts = offsets.astype(np.int64) + np.arange(len(offsets))
        if len(with_ends) >= 1 << 31:
            raise ValueError(f"a batch of {len(texts)} texts has {len(with_ends)} tokens; at most 2^31 fit")
        values = pa.array(with_ends.astype(str(self.dtype)))
        return pa.ListArray.from_arrays(pa.array(starts.astype(np.int32)), values)

    @cached_property
    def ends(self) -> np.ndarray:
        """uint8[ids]: PARAGRAPH where a token's text ends in a line end, SENTENCE where it ends a sentence, else 0."""
        from tokenizers import Tokenizer as Reference  # noqa: PLC0415  # see `reference_engine`

        ids = sorted(self.ids.values())
        texts = Reference.from_str(self.json).decode_batch([[one] for one in ids], skip_special_tokens=False)
        kinds = np.zeros(ids[-1] + 1, np.uint8)
        kinds[ids] = [end_kind(text) for text in texts]
        return kinds


def end_kind(text: str) -> int:
    """What a token's text ends.

    >>> [end_kind(text) for text in ("a", "a.", "。”", "\\n", ". ", "")]
    [0, 1, 1, 2, 1, 0]
    """
    if text.endswith("\n"):
        return PARAGRAPH
    bare = text.rstrip(CLOSERS)
    return SENTENCE if bare and bare[-1] in ENDERS else 0


def load(path: str, end_token: str) -> Tokenizer:
    """The tokenizer of a file; ValueError when it is none, or has no such end token."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ValueError(f"tokenizer {path!r}: {error.strerror}") from error
    loaded = load_once(data, path, end_token)
    loaded.token_id(end_token)
    return loaded


@lru_cache(maxsize=2)
def load_once(data: bytes, path: str, end_token: str) -> Tokenizer:
    """One in a process, for planning and for its workers."""
    text = bare(data, path)
    return Tokenizer(
        text, blake2b(data, digest_size=16).hexdigest(), end_token, *reference_engine(text, path)
    )


def bare(data: bytes, path: str) -> str:
    """The file without padding and truncation, which would change ids or cut texts."""
    try:
        fields: dict[str, Any] = orjson.loads(data)
        return orjson.dumps({**fields, "padding": None, "truncation": None}).decode()
    except (ValueError, TypeError) as error:
        raise ValueError(f"tokenizer {path!r}: is no tokenizer.json ({error})") from error


def reference_engine(text: str, path: str) -> tuple[Encode, dict[str, int]]:
    """`tokenizers`: what every other engine must equal, on one core of the worker's own."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer as Reference  # noqa: PLC0415  # a trainer that reads packs needs none

    try:
        reference = Reference.from_str(text)
    except Exception as error:  # it raises bare Exception
        raise ValueError(f"tokenizer {path!r}: is no tokenizer.json ({error})") from error

    def encode(texts: Sequence[str]) -> Flat:
        found = [one.ids for one in reference.encode_batch(list(texts), add_special_tokens=False)]
        offsets = np.cumsum([0, *(len(ids) for ids in found)]).astype(np.uint64)
        return np.concatenate(
            [np.array(ids, np.uint32) for ids in found] or [np.zeros(0, np.uint32)]
        ), offsets

    return encode, reference.get_vocab(with_added_tokens=True)


def added(text: str) -> list[str]:
    """The tokens beside the model's own vocabulary, special or not."""
    return [token["content"] for token in orjson.loads(text).get("added_tokens") or ()]


def fastest(text: str, reference: Encode, canaries: Sequence[str]) -> tuple[str, Encode]:
    """The engine to use: `fastokens` where it gives the reference's ids on every canary, else the reference."""
    fast = fast_engine(text)
    if fast is not None and agree(fast, reference, canaries):
        return f"fastokens {version('fastokens')}", fast
    return f"tokenizers {version('tokenizers')}", reference


def agree(fast: Encode, reference: Encode, canaries: Sequence[str]) -> bool:
    """Whether both give the same; what raises does not."""
    try:
        found = fast(canaries)
    except Exception:  # noqa: BLE001  # like a model that it does not know; the reference's errors are not caught
        return False
    return all(map(np.array_equal, found, reference(canaries)))


def fast_engine(text: str) -> Encode | None:
    """`fastokens`, on one core of the worker's own; None for a tokenizer that it does not know."""
    os.environ["FASTOKENS_BPE_THREADS"] = "1"
    import fastokens  # noqa: PLC0415  # it reads the line above once

    try:
        engine = fastokens.Tokenizer.from_json_str(text)
    except Exception:  # noqa: BLE001  # it raises several kinds for models it lacks; the reference takes every file
        return None

    def encode(texts: Sequence[str]) -> Flat:
        ids, offsets = engine.encode_batch_flat(list(texts))
        return np.frombuffer(ids, np.uint32), np.frombuffer(offsets, np.uint64)

    return encode
