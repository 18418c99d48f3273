"""Lines and paragraphs of each text: how many, how many of them stood before, and how the lines end.

A line lies between '\\n' and has more than white space on it; white space around it does not count. A paragraph is a
run of lines with no blank one between them. Both are told apart by 64-bit hashes.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.hashing import finish
from pipeline.kernels.text import WHITE, buffers, classes, decode, paged

COUNTS = (
    "newlines",  # '\n'
    "short_lines",  # of at most so many characters, white space inside them included
    "terminal_lines",  # that end in a mark that ends sentences (Unicode's Sentence_Terminal)
    "quoted_lines",  # that end in a closing quotation mark
    "repeated_lines",  # that stood before
    "repeated_line_characters",  # theirs, without white space
    "paragraphs",
    "repeated_paragraphs",  # that stood before
    "repeated_paragraph_characters",  # theirs, without white space
)
SENTENCE_TERMINAL = (
    *((0x21, 0x21), (0x2E, 0x2E), (0x3F, 0x3F), (0x589, 0x589), (0x61D, 0x61F), (0x6D4, 0x6D4)),
    *((0x700, 0x702), (0x7F9, 0x7F9), (0x837, 0x837), (0x839, 0x839), (0x83D, 0x83E), (0x964, 0x965)),
    *((0x104A, 0x104B), (0x1362, 0x1362), (0x1367, 0x1368), (0x166E, 0x166E), (0x1735, 0x1736)),
    *((0x17D4, 0x17D5), (0x1803, 0x1803), (0x1809, 0x1809), (0x1944, 0x1945), (0x1AA8, 0x1AAB)),
    *((0x1B4E, 0x1B4F), (0x1B5A, 0x1B5B), (0x1B5E, 0x1B5F), (0x1B7D, 0x1B7F), (0x1C3B, 0x1C3C)),
    *((0x1C7E, 0x1C7F), (0x2024, 0x2024), (0x203C, 0x203D), (0x2047, 0x2049), (0x2CF9, 0x2CFB)),
    *((0x2E2E, 0x2E2E), (0x2E3C, 0x2E3C), (0x2E53, 0x2E54), (0x3002, 0x3002), (0xA4FF, 0xA4FF)),
    *((0xA60E, 0xA60F), (0xA6F3, 0xA6F3), (0xA6F7, 0xA6F7), (0xA876, 0xA877), (0xA8CE, 0xA8CF)),
    *((0xA92F, 0xA92F), (0xA9C8, 0xA9C9), (0xAA5D, 0xAA5F), (0xAAF0, 0xAAF1), (0xABEB, 0xABEB)),
    *((0xFE12, 0xFE12), (0xFE15, 0xFE16), (0xFE52, 0xFE52), (0xFE56, 0xFE57), (0xFF01, 0xFF01)),
    *((0xFF0E, 0xFF0E), (0xFF1F, 0xFF1F), (0xFF61, 0xFF61), (0x10A56, 0x10A57), (0x10F55, 0x10F59)),
    *((0x10F86, 0x10F89), (0x11047, 0x11048), (0x110BE, 0x110C1), (0x11141, 0x11143)),
    *((0x111C5, 0x111C6), (0x111CD, 0x111CD), (0x111DE, 0x111DF), (0x11238, 0x11239)),
    *((0x1123B, 0x1123C), (0x112A9, 0x112A9), (0x113D4, 0x113D5), (0x1144B, 0x1144C)),
    *((0x115C2, 0x115C3), (0x115C9, 0x115D7), (0x11641, 0x11642), (0x1173C, 0x1173E)),
    *((0x11944, 0x11944), (0x11946, 0x11946), (0x11A42, 0x11A43), (0x11A9B, 0x11A9C)),
    *((0x11C41, 0x11C42), (0x11EF7, 0x11EF8), (0x11F43, 0x11F44), (0x16A6E, 0x16A6F)),
    *((0x16AF5, 0x16AF5), (0x16B37, 0x16B38), (0x16B44, 0x16B44), (0x16D6E, 0x16D6F)),
    *((0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F), (0x1DA88, 0x1DA88)),
)  # Unicode 16, PropList.txt
CLOSING_QUOTES = "\"'”’»›」』﹂﹄｣＂＇〞〟"
PRIME = np.uint64(0x100000001B3)  # FNV-1a
BASIS = np.uint64(0xCBF29CE484222325)
TERMINAL, QUOTE = 1, 2


def endings() -> tuple[np.ndarray, np.ndarray]:
    """As text.classes(): pages and rows of a table that says TERMINAL, QUOTE or 0 of every character."""
    flat = np.zeros(8192 * 256, np.uint8)
    for low, high in SENTENCE_TERMINAL:
        flat[low : high + 1] = TERMINAL
    flat[[ord(mark) for mark in CLOSING_QUOTES]] = QUOTE
    return paged(flat)


END_PAGES, END_ROWS = endings()


def repeated_lines(texts: pa.StringArray, short: int) -> np.ndarray:
    """int32[COUNTS, texts]; `short`: how many characters a short line has at most."""
    offsets, values = buffers(texts)
    counts = np.zeros((len(COUNTS), len(texts)), np.int32)
    count_lines(offsets, values, classes(), short, counts)
    return counts


@njit(cache=True, nogil=True)
def ending(code: int) -> int:
    """TERMINAL, QUOTE or 0: what kind of an end a character is to a line."""
    return END_ROWS[END_PAGES[code >> 8], code & 0xFF]


@njit(cache=True, nogil=True)
def count_lines(offsets: Any, values: Any, tables: Any, short: int, counts: Any) -> None:
    """Fill counts[:, document].

    Of the line so far: `rolling` is the hash, `hashed` that up to the last character that is not white space, `last`;
    `length` counts from the first of those, `solid` without white space. The document's end ends its last line.
    """
    pages, table = tables
    ascii_classes = table[0]
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        lines, paragraphs = seen_before(16), seen_before(16)
        rolling, hashed, whole = BASIS, BASIS, BASIS
        length = reach = solid = block = last = 0
        while at <= end:
            code: Any = 10
            width, kind = 1, WHITE
            if at < end:
                code = np.int64(values[at])
                if code < 0x80:
                    kind = ascii_classes[code]
                else:
                    code, width = decode(values, at)
                    kind = table[pages[code >> 8], code & 0xFF]
                counts[0, document] += code == 10
            at += width
            if kind & WHITE == 0:
                rolling = (rolling ^ np.uint64(code)) * PRIME
                length += 1
                solid += 1
                hashed, reach, last = rolling, length, code
            elif code != 10 and solid:
                rolling = (rolling ^ np.uint64(code)) * PRIME
                length += 1
            if code != 10 or kind & WHITE == 0:
                continue
            if solid:
                counts[1, document] += reach <= short
                counts[2, document] += ending(last) == TERMINAL
                counts[3, document] += ending(last) == QUOTE
                lines, again = note(lines, finish(hashed))
                counts[4, document] += again
                counts[5, document] += again * solid
                whole = finish(whole ^ finish(hashed)) * PRIME
                block += solid
            if block and (not solid or at > end):
                paragraphs, again = note(paragraphs, whole)
                counts[6, document] += 1
                counts[7, document] += again
                counts[8, document] += again * block
                whole, block = BASIS, 0
            rolling = hashed = BASIS
            length = reach = solid = last = 0


@njit(cache=True, nogil=True)
def seen_before(slots: int) -> Any:
    """uint64[slots + 1]: an empty set of hashes; its first entry is how many it holds, 0 marks an empty slot."""
    return np.zeros(slots + 1, np.uint64)


@njit(cache=True, nogil=True)
def note(known: Any, key: Any) -> tuple[Any, int]:
    """(the set with this hash in it, grown where it was half full; 1 if it had it already, else 0)."""
    slots = len(known) - 1
    if 2 * known[0] >= slots:
        larger = seen_before(2 * slots)
        for slot in range(1, slots + 1):
            if known[slot]:
                larger[find(larger, known[slot])] = known[slot]
        larger[0] = known[0]
        known = larger
    key = key | np.uint64(1)
    slot = find(known, key)
    if known[slot]:
        return known, 1
    known[slot] = key
    known[0] += np.uint64(1)
    return known, 0


@njit(cache=True, nogil=True)
def find(known: Any, key: Any) -> int:
    """The slot that holds this hash, or the empty one where it belongs."""
    mask = len(known) - 2
    slot: Any = np.int64(key >> np.uint64(20)) & mask
    while known[slot + 1] and known[slot + 1] != key:
        slot = (slot + 1) & mask
    return slot + 1
