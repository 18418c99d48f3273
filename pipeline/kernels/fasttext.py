"""The most likely labels of each text by a quantised fastText classifier, its file read to arrays, its arithmetic compiled.

What the `fasttext` packages compute (Joulin et al. 2016, arXiv 1607.01759; quantised: arXiv 1612.03651), for models with
subwords, one-word features and a hierarchical softmax, such as lid.176.ftz. Of our own because all those packages are one
module, `fasttext`, of which the last one installed wins, and because theirs is a call and a Python string a text.
Sums run in one order, so that a score is the same on every machine.
"""
# ruff: noqa: SIM110 - Numba compiles loops, not generators

from struct import calcsize, unpack_from
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import ALPHA, HAN, buffers, classes, decode

MAGIC, VERSION = 793712314, 12
HIERARCHICAL, SUPERVISED = 1, 3  # fastText's numbers for loss and model
WORD, LABEL = 0, 1
PREFIX = "__label__"
PREFIX_BYTES = np.frombuffer(PREFIX.encode(), np.uint8)
SPACES = (0, 9, 10, 11, 12, 13, 32)  # what ends a word in fastText
FIRST_HASH, HASH_STEP = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a
BEGIN, END = 60, 62  # '<' and '>' around a word
EPSILON = 1e-5  # fastText adds it within its logarithms
SAMPLES = 3


class Model(NamedTuple):
    """A classifier as arrays; `rows` holds the vectors of words first, then of buckets."""

    labels: tuple[str, ...]
    words: np.ndarray  # int32[slots]: ids by the hash of the word, -1 where there is none
    word_offsets: np.ndarray  # int32[words + 1] into word_bytes
    word_bytes: np.ndarray  # uint8
    buckets: np.ndarray  # int32[buckets]: a subword's row, -1 where it was pruned
    rows: np.ndarray  # float32[words + kept buckets, size]
    output: np.ndarray  # float32[labels - 1, size]: inner nodes of the tree
    children: np.ndarray  # int32[labels - 1, 2]: left and right; a node below len(labels) is a label
    subwords: tuple[int, int]  # shortest and longest, in characters


def read_model(data: bytes) -> Model:
    """The model in the bytes of a .ftz file. ValueError for anything but a quantised hierarchical classifier."""
    reader = Reader(data)
    if reader.take("ii") != (MAGIC, VERSION):
        raise ValueError(f"no fastText model of version {VERSION}")
    size, _, _, _, _, grams, loss, kind, buckets, shortest, longest, _ = reader.take("12i")
    reader.take("d")
    if (grams, loss, kind) != (1, HIERARCHICAL, SUPERVISED):
        raise ValueError("not a classifier of single words with a hierarchical softmax")
    entries, words, labels, _, kept = reader.take("iiiqq")
    names = [reader.entry() for _ in range(entries)]
    pairs = reader.array(np.int32, 2 * kept).reshape(-1, 2)
    rows = quantised(reader, size)
    if reader.take("?") != (False,) or reader.take("qq") != (labels, size):
        raise ValueError("the output layer must not be quantised")
    places = np.full(buckets, -1, np.int32)
    places[pairs[:, 0]] = pairs[:, 1] + words
    known = [name for name, _, kind in names if kind == WORD]
    counts = [count for _, count, kind in names if kind == LABEL]
    offsets = np.cumsum([0, *map(len, known)], dtype=np.int32)
    values = np.frombuffer(b"".join(known), np.uint8)
    return Model(
        tuple(name.decode().removeprefix(PREFIX) for name, _, kind in names if kind == LABEL),
        word_slots(offsets, values),
        offsets,
        values,
        places,
        rows,
        reader.array(np.float32, labels * size).reshape(labels, size)[: labels - 1].copy(),
        huffman(counts),
        (shortest, longest),
    )


class Reader:
    """Values from bytes, one after the other; little end first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        found = unpack_from(f"<{layout}", self.data, self.at)
        self.at += calcsize(f"<{layout}")
        return found

    def array(self, kind: Any, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found

    def entry(self) -> tuple[bytes, int, int]:
        """A word of the dictionary, its count, and whether it is a label."""
        end = self.data.index(b"\0", self.at)
        name, self.at = self.data[self.at : end], end + 1
        count, kind = self.take("qb")
        return name, count, kind

    def codebook(self) -> np.ndarray:
        """float32[parts, 256, part size]."""
        _, parts, part, last = self.take("4i")
        if part != last:
            raise ValueError("vectors that are not cut into equal parts are not read here")
        return self.array(np.float32, parts * 256 * part).reshape(parts, 256, part)


def quantised(reader: Reader, size: int) -> np.ndarray:
    """float32[rows, size]: what the codes of the input layer stand for."""
    if reader.take("?") != (True,):
        raise ValueError("not quantised; only .ftz files are read here")
    norms, count, _, codes = reader.take("?qqi")
    code = reader.array(np.uint8, codes).reshape(count, -1)
    book = reader.codebook()
    rows = book[np.arange(len(book)), code].reshape(count, size)
    if not norms:
        return rows
    norm = reader.array(np.uint8, count)
    return np.ascontiguousarray(rows * reader.codebook()[0, norm])


def huffman(counts: list[int]) -> np.ndarray:
    """int32[labels - 1, 2]: the children of the inner nodes; node i stands in row i - labels, the root last.

    Counts descend. fastText's own building, ties included: the two rarest are joined, a label before a node only
    where it is strictly rarer.
    """
    labels = len(counts)
    weights = [*counts, *[10**15] * (labels - 1)]
    children = np.zeros((max(labels - 1, 0), 2), np.int32)
    leaf, node = labels - 1, labels
    for made in range(labels, 2 * labels - 1):
        for side in (0, 1):
            rarer = leaf >= 0 and weights[leaf] < weights[node]
            children[made - labels, side] = leaf if rarer else node
            leaf, node = (leaf - 1, node) if rarer else (leaf, node + 1)
        weights[made] = sum(weights[child] for child in children[made - labels].tolist())
    return children


@njit(cache=True, nogil=True)
def word_slots(offsets: Any, values: Any) -> Any:
    """int32[slots]: word ids by hash, the next free slot where two meet; at least half stay free."""
    size = 2
    while size < 2 * len(offsets):
        size *= 2
    slots = np.full(size, -1, np.int32)
    for word in range(len(offsets) - 1):
        state = FIRST_HASH
        for at in range(offsets[word], offsets[word + 1]):
            state = hash_on(state, values[at])
        slot = np.int64(state) & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = word
    return slots


class Found(NamedTuple):
    """For each text the two most likely labels, likelier first, and the letters of what was looked at."""

    labels: np.ndarray  # int32[2, texts]
    scores: np.ndarray  # float32[2, texts], 0 to 1
    letters: np.ndarray  # int32[3, texts]: all, Han, Latin


def predict(texts: pa.StringArray, model: Model, max_bytes: int) -> Found:
    """The labels of texts; of one longer than `max_bytes` only its beginning, middle and end are read, a third each.

    Line breaks count as spaces, and one end of line stands after the last word, as in fastText's own `predict`; unlike
    there, "</s>" written out does not end a text.
    """
    count = len(texts)
    found = Found(
        np.zeros((2, count), np.int32), np.zeros((2, count), np.float32), np.zeros((3, count), np.int32)
    )
    classify(buffers(texts), classes(), model[1:], max_bytes, found)
    return found


@njit(cache=True, nogil=True)
def classify(texts: Any, tables: Any, model: Any, max_bytes: int, found: Any) -> None:
    offsets, values = texts
    _, _, _, _, rows, output, children, _ = model
    hidden = np.zeros(rows.shape[1], np.float32)
    logs = np.zeros(2 * len(children) + 1, np.float64)
    for document in range(len(offsets) - 1):
        hidden[:] = rows[0]  # the end of the line, </s>, is word 0
        features = 1
        start, end = offsets[document], offsets[document + 1]
        pieces = 1 if end - start <= max_bytes else SAMPLES
        width = end - start if pieces == 1 else max_bytes // SAMPLES
        for piece in range(pieces):
            first = start if pieces == 1 else start + (end - start - width) * piece // (SAMPLES - 1)
            first, last = whole_characters(values, first, first + width, end)
            features += add_words(values, first, last, model, hidden)
            count_letters(values, first, last, tables, found.letters[:, document])
        descend(hidden, features, output, children, logs)
        best_two(logs[: len(children) + 1], found.labels[:, document], found.scores[:, document])


@njit(cache=True, nogil=True)
def whole_characters(values: Any, first: int, last: int, end: int) -> tuple[int, int]:
    """The range without characters that begin before it or end behind it."""
    while first < last and values[first] & 0xC0 == 0x80:
        first += 1
    while first < last < end and values[last] & 0xC0 == 0x80:
        last -= 1
    return first, last


@njit(cache=True, nogil=True)
def count_letters(values: Any, at: int, end: int, tables: Any, letters: Any) -> None:
    """Add to (letters, Han, Latin). Latin: A to z, Latin-1, Extended-A and -B, Extended Additional."""
    pages, table = tables
    while at < end:
        code, width = decode(values, at)
        kind = table[pages[code >> 8], code & 0xFF]
        at += width
        if kind & (ALPHA | HAN):
            letters[0] += 1
            letters[1] += (kind & HAN) > 0
            letters[2] += code < 0x250 or 0x1E00 <= code < 0x1F00


@njit(cache=True, nogil=True)
def add_words(values: Any, at: int, end: int, model: Any, hidden: Any) -> int:
    """Add the vectors of all words and their subwords to `hidden`; how many there were."""
    features = 0
    while at < end:
        while at < end and is_space(values[at]):
            at += 1
        start = at
        state = FIRST_HASH
        while at < end and not is_space(values[at]):
            state = hash_on(state, values[at])
            at += 1
        if at > start and not is_label(values, start, at):
            features += add_word(values, start, at, state, model, hidden)
    return features


@njit(cache=True, nogil=True)
def add_word(values: Any, start: int, stop: int, state: Any, model: Any, hidden: Any) -> int:
    """Add the word's own vector, where it has one, and those of its subwords, with '<' before and '>' behind it."""
    slots, offsets, known, buckets, rows, _, _, (shortest, longest) = model
    features = 0
    word = find_word(values, start, stop, state, slots, offsets, known)
    if word >= 0:
        add_row(rows, word, hidden)
        features = 1
        if word == 0:  # "</s>" written out has no subwords
            return features
    size = np.uint32(len(buckets))
    at = start - 1
    while at <= stop:
        state, after, count = FIRST_HASH, at, 0
        while after <= stop and count < longest:
            state = hash_on(state, letter(values, start, stop, after))
            after += 1
            while after < stop and values[after] & 0xC0 == 0x80:
                state = hash_on(state, values[after])
                after += 1
            count += 1
            if count >= shortest and not (count == 1 and (at < start or after > stop)):
                row = buckets[np.int64(state % size)]
                if row >= 0:
                    add_row(rows, row, hidden)
                    features += 1
        at += 1
        while start < at < stop and values[at] & 0xC0 == 0x80:
            at += 1
    return features


@njit(cache=True, nogil=True)
def find_word(values: Any, start: int, stop: int, state: Any, slots: Any, offsets: Any, known: Any) -> int:  # noqa: PLR0913, PLR0917 - a word and where it may stand
    """The id of a word of the dictionary, -1 for any other."""
    slot = np.int64(state) & (len(slots) - 1)
    while slots[slot] >= 0:
        word = slots[slot]
        first = offsets[word]
        if offsets[word + 1] - first == stop - start:
            step = 0
            while step < stop - start and known[first + step] == values[start + step]:
                step += 1
            if step == stop - start:
                return word
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@njit(cache=True, nogil=True, inline="always")
def letter(values: Any, start: int, stop: int, at: int) -> Any:
    """A byte of the word with its ends marked."""
    if at < start:
        return np.uint8(BEGIN)
    return values[at] if at < stop else np.uint8(END)


@njit(cache=True, nogil=True, inline="always")
def hash_on(state: Any, byte: Any) -> Any:
    """FNV-1a of one more byte; fastText reads it with a sign, so that bytes above 127 set the high bits."""
    return np.uint32((state ^ np.uint32(np.int8(byte))) * HASH_STEP)


@njit(cache=True, nogil=True, inline="always")
def add_row(rows: Any, row: int, hidden: Any) -> None:
    for place in range(len(hidden)):
        hidden[place] += rows[row, place]


@njit(cache=True, nogil=True)
def is_space(byte: int) -> bool:
    return byte in SPACES


@njit(cache=True, nogil=True)
def is_label(values: Any, start: int, stop: int) -> bool:
    """Whether a word looks like a label, which fastText passes over."""
    if stop - start < len(PREFIX_BYTES):
        return False
    for step in range(len(PREFIX_BYTES)):
        if values[start + step] != PREFIX_BYTES[step]:
            return False
    return True


@njit(cache=True, nogil=True)
def descend(hidden: Any, features: int, output: Any, children: Any, logs: Any) -> None:
    """The logarithm of each node's probability; a parent has a higher number than its children."""
    labels = len(children) + 1
    logs[2 * labels - 2] = 0.0
    for node in range(len(children) - 1, -1, -1):
        dot = np.float32(0)
        for place in range(len(hidden)):
            dot += output[node, place] * (hidden[place] / np.float32(features))
        right = 1 / (1 + np.exp(-np.float64(dot)))
        above = logs[node + labels]
        logs[children[node, 0]] = above + np.log(1 - right + EPSILON)
        logs[children[node, 1]] = above + np.log(right + EPSILON)


@njit(cache=True, nogil=True)
def best_two(logs: Any, labels: Any, scores: Any) -> None:
    """The two highest, of equal ones the first."""
    best = np.argmax(logs)
    second = -1
    for place in range(len(logs)):
        if place != best and (second < 0 or logs[place] > logs[second]):
            second = place
    labels[0], labels[1] = best, second
    scores[0], scores[1] = min(1.0, np.exp(logs[best])), min(1.0, np.exp(logs[second]))
