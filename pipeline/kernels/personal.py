"""What in a text is about one person or opens one door: where it stands, byte by byte, and of which kind.

One walk over the bytes. At a place where something may begin, a reader of bounded reach says where it ends; what was read is
not read again by the same reader. So time is linear in the text whatever it holds: there is no pattern to blow up.

All kinds are ASCII, in any script around them. Nothing begins or ends within a longer number or word of ASCII letters.
"""
# ruff: noqa: SIM110 - Numba compiles loops, not generators

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import buffers

KINDS = ("email", "ip_address", "phone_number", "identity_number", "card_number", "secret_key")
EMAIL, IP, PHONE, IDENTITY, CARD, SECRET = range(6)

MOST_LOCAL, MOST_DOMAIN, MOST_TOP = 64, 253, 24  # characters; RFC 5321, 4.5.3.1; the longest top-level domain
MOST_NUMBER = 24  # characters that a phone or card number spans with its separators, "+" aside
MOST_V6 = 39
MOST_PEM = 16_384  # bytes from the first dash to the last of a private key
LEAST_DIGITS, MOST_DIGITS = 9, 15  # of an international number: E.164 has at most 15
WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])  # GB 11643-1999: ISO 7064, MOD 11-2
CHECKS = np.frombuffer(b"10X98765432", np.uint8)
PROVINCES = (
    *(11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46),
    *(50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91),
)  # GB/T 2260, first two digits; 81 to 83 residence permits, 91 foreigners
IS_PROVINCE = np.isin(np.arange(100), PROVINCES)
MONTH_DAYS = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


class Secrets(NamedTuple):
    """Formats of keys: a prefix, then so many characters of an alphabet (a bit of `ALPHABET`)."""

    offsets: np.ndarray  # int32[formats + 1]
    prefixes: np.ndarray  # uint8
    least: np.ndarray  # int32[formats]
    most: np.ndarray  # int32[formats]
    alphabet: np.ndarray  # uint8[formats]
    starts: np.ndarray  # bool[256, 256]: first two bytes of prefixes, of a web token and of a private key
    begins: np.ndarray  # bool[256]: bytes at which anything but an e-mail address may begin


UPPER, LOWER, NUMBER, DASH, LINE, DOT = 1, 2, 4, 8, 16, 32
WORD = UPPER | LOWER | NUMBER
ALPHABET = np.zeros(256, np.uint8)
for _bit, _letters in (
    (UPPER, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (LOWER, b"abcdefghijklmnopqrstuvwxyz"),
    (NUMBER, b"0123456789"),
):
    ALPHABET[list(_letters)] |= _bit
for _bit, _letters in ((DASH, b"-"), (LINE, b"_"), (DOT, b".")):
    ALPHABET[list(_letters)] |= _bit
LOCAL = np.zeros(256, np.bool_)
LOCAL[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-")] = True

FORMATS = (
    ("AKIA", 16, 16, UPPER | NUMBER),  # Amazon access key ids
    ("ASIA", 16, 16, UPPER | NUMBER),
    ("LTAI", 12, 20, WORD),  # Alibaba Cloud
    ("AKID", 32, 32, WORD),  # Tencent Cloud
    ("AIza", 35, 35, WORD | DASH | LINE),  # Google
    ("ghp_", 36, 36, WORD),  # GitHub
    ("gho_", 36, 36, WORD),
    ("ghu_", 36, 36, WORD),
    ("ghs_", 36, 36, WORD),
    ("ghr_", 36, 36, WORD),
    ("github_pat_", 82, 82, WORD | LINE),
    ("glpat-", 20, 20, WORD | DASH | LINE),  # GitLab
    ("xoxb-", 20, 255, WORD | DASH),  # Slack
    ("xoxp-", 20, 255, WORD | DASH),
    ("xoxa-", 20, 255, WORD | DASH),
    ("xoxr-", 20, 255, WORD | DASH),
    ("xoxs-", 20, 255, WORD | DASH),
    ("sk_live_", 24, 255, WORD),  # Stripe
    ("rk_live_", 24, 255, WORD),
    ("sk-proj-", 40, 255, WORD | DASH | LINE),  # OpenAI
    ("sk-ant-", 40, 255, WORD | DASH | LINE),  # Anthropic
    ("sk-", 32, 64, WORD),  # OpenAI's older ones, DeepSeek, Moonshot
    ("hf_", 34, 40, WORD),  # Hugging Face
    ("npm_", 36, 36, WORD),
    ("pypi-AgEIcHlwaS5vcmc", 50, 255, WORD | DASH | LINE),
)
"""Formats that their issuers documented so that scanners find them; the ends of the lengths are theirs, or 255."""


def secrets() -> Secrets:
    offsets = np.cumsum([0, *(len(prefix) for prefix, _, _, _ in FORMATS)], dtype=np.int32)
    prefixes = np.frombuffer("".join(prefix for prefix, _, _, _ in FORMATS).encode(), np.uint8)
    starts, begins = np.zeros((256, 256), np.bool_), np.zeros(256, np.bool_)
    for two in (*(prefix[:2].encode() for prefix, _, _, _ in FORMATS), b"ey", b"--"):
        starts[two[0], two[1]] = begins[two[0]] = True
    begins[list(b"0123456789abcdefABCDEF+(-")] = True
    least, most, alphabet = (np.array(column) for column in list(zip(*FORMATS, strict=True))[1:])
    return Secrets(
        offsets,
        prefixes,
        least.astype(np.int32),
        most.astype(np.int32),
        alphabet.astype(np.uint8),
        starts,
        begins,
    )


SCARCE = 1_000  # bytes a find: where there are more, texts are looked at twice


def find_personal(texts: pa.StringArray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(first int32[texts + 1], finds int32[3, finds], counts int32[KINDS, texts]).

    Text i has finds first[i] to first[i + 1], ascending and apart, each a start and a stop in bytes of the text and its
    kind. `kinds`: bool[KINDS], which are looked for.
    """
    offsets, values = buffers(texts)
    counts = np.zeros((len(KINDS), len(texts)), np.int32)
    first = np.zeros(len(texts) + 1, np.int32)
    known = secrets()
    finds = np.empty((3, SCARCE + (offsets[-1] - offsets[0]) // SCARCE), np.int32)
    scan(offsets, values, kinds, known, first, finds, counts)
    if first[-1] > finds.shape[1]:
        finds, counts[:] = np.empty((3, first[-1]), np.int32), 0
        scan(offsets, values, kinds, known, first, finds, counts)
    return first, finds[:, : first[-1]], counts


@njit(cache=True, nogil=True)
def scan(offsets: Any, values: Any, kinds: Any, known: Any, first: Any, finds: Any, counts: Any) -> None:  # noqa: PLR0913, PLR0917 - texts in, finds out
    """Count the finds of each text, and write them where there is room."""
    found = 0
    for document in range(len(offsets) - 1):
        base, end = offsets[document], offsets[document + 1]
        at = run = word = base
        while at < end:
            byte = values[at]
            kind, start, stop = -1, at, at
            if LOCAL[byte] and at >= run:  # a run of what may stand before @, looked at once
                run, letters = at, True
                while run < end and LOCAL[values[run]]:
                    letters &= ALPHABET[values[run]] & (UPPER | LOWER) != 0
                    run += 1
                word = run if letters else at
                if run < end and values[run] == 64:
                    start, stop = email(values, at, run, end)
                    kind = EMAIL
                    if stop == start or not kinds[EMAIL]:
                        kind, start, stop = -1, at, at
            mere = at < word and is_mere(values, at, run, end, known.starts)
            if kind < 0 and not mere and known.begins[byte] and not (at > base and wordy(values[at - 1])):
                start = at
                kind, stop = read(values, base, at, end, kinds, known)
            if kind < 0:
                at = max(at + 1, word)  # within letters nothing begins
                continue
            if found < finds.shape[1]:
                finds[0, found], finds[1, found], finds[2, found] = start - base, stop - base, kind
            found += 1
            counts[kind, document] += 1
            at = stop
            run = max(run, at) if kind == EMAIL else run
        first[document + 1] = found


@njit(cache=True, nogil=True)
def is_mere(values: Any, at: int, run: int, end: int, starts: Any) -> bool:
    """Whether letters from `at` to `run` begin neither a key, which is seen by two, nor an address, before a colon."""
    return not (at + 1 < end and starts[values[at], values[at + 1]]) and not (run < end and values[run] == 58)


@njit(cache=True, nogil=True)
def read(values: Any, base: int, at: int, end: int, kinds: Any, known: Any) -> tuple[int, int]:  # noqa: C901, PLR0911 - one question a kind
    """(kind, stop) of what begins exactly here, behind no ASCII letter, digit or underscore; (-1, at) where nothing does."""
    byte = values[at]
    if kinds[SECRET] and at + 1 < end and known.starts[byte, values[at + 1]]:
        stop = secret(values, base, at, end, known)
        if stop > at:
            return SECRET, stop
    if kinds[IP] and (hexadecimal(byte)):
        stop = ip_address(values, base, at, end)
        if stop > at:
            return IP, stop
    if not (digit(byte) or byte in (40, 43)):
        return -1, at
    if at > base and inside_number(values, base, at):
        return -1, at
    if kinds[IDENTITY]:
        stop = identity_number(values, at, end)
        if stop > at:
            return IDENTITY, stop
    if kinds[CARD]:
        stop = card_number(values, base, at, end)
        if stop > at:
            return CARD, stop
    if kinds[PHONE]:
        stop = phone_number(values, at, end)
        if stop > at:
            return PHONE, stop
    return -1, at


@njit(cache=True, nogil=True)
def digit(byte: int) -> bool:
    return 48 <= byte <= 57


@njit(cache=True, nogil=True)
def wordy(byte: int) -> bool:
    """An ASCII letter, digit or underscore."""
    return digit(byte) or 97 <= byte <= 122 or 65 <= byte <= 90 or byte == 95


@njit(cache=True, nogil=True)
def hexadecimal(byte: int) -> bool:
    return digit(byte) or 97 <= byte <= 102 or 65 <= byte <= 70


@njit(cache=True, nogil=True)
def inside_number(values: Any, base: int, at: int) -> bool:
    """Whether a number goes on here: "0.1380…", "2020-1380…", "1,380…"."""
    return at - 2 >= base and values[at - 1] in (43, 44, 45, 46) and digit(values[at - 2])


@njit(cache=True, nogil=True)
def ends_here(values: Any, at: int, end: int) -> bool:
    """Whether no number or word goes on at `at`."""
    if at >= end:
        return True
    if wordy(values[at]):
        return False
    return not (at + 1 < end and values[at] in (44, 45, 46) and digit(values[at + 1]))


@njit(cache=True, nogil=True)
def email(values: Any, at: int, sign: int, end: int) -> tuple[int, int]:
    """(start, stop) of the address around the @ at `sign`, whose local part begins at `at` or later; (at, at) if none.

    The domain has two labels or more, the last of 2 to 24 letters. Dots at the ends of the local part do not belong to it.
    """
    start = max(at, sign - MOST_LOCAL)
    while start < sign and values[start] in (46, 45, 43, 37):
        start += 1
    if start == sign or values[sign - 1] == 46:
        return at, at
    stop = last = sign + 1
    label = stop
    best = at
    while stop < end and stop - sign <= MOST_DOMAIN:
        byte = values[stop]
        if byte == 46 or not (ALPHABET[byte] & (WORD | DASH)):
            break
        while stop < end and stop - sign <= MOST_DOMAIN and ALPHABET[values[stop]] & (WORD | DASH):
            stop += 1
        if values[label] == 45 or values[stop - 1] == 45:
            break
        if label > last and is_top(values, label, stop):
            best = stop
        if stop >= end or values[stop] != 46:
            break
        stop += 1
        label = stop
    return (start, best) if best > at and not (best < end and values[best] == 95) else (at, at)


@njit(cache=True, nogil=True)
def is_top(values: Any, start: int, stop: int) -> bool:
    """Letters alone, 2 to 24 of them, or a name in Punycode."""
    if not 2 <= stop - start <= MOST_TOP:
        return False
    if stop - start > 4 and values[start] == 120 and values[start + 1] == 110 and values[start + 2] == 45:
        return True
    for at in range(start, stop):
        if not ALPHABET[values[at]] & (UPPER | LOWER):
            return False
    return True


@njit(cache=True, nogil=True)
def ip_address(values: Any, base: int, at: int, end: int) -> int:
    """Where a public address of either version ends, `at` where none begins. A colon before it makes it no beginning."""
    if at > base and (values[at - 1] == 58 and at - 2 >= base and hexadecimal(values[at - 2])):
        return at
    if digit(values[at]) and not (at - 2 >= base and values[at - 1] == 46 and digit(values[at - 2])):
        stop = version_four(values, at, end)
        if stop > at:
            return stop
    return version_six(values, at, end)


@njit(cache=True, nogil=True)
def version_four(values: Any, at: int, end: int) -> int:
    """Four numbers to 255 without leading zeros, of a public block (RFC 6890), one of them above 9.

    Four single digits are the number of a section or version, or a resolver that everybody knows (8.8.8.8).
    """
    place, parts = at, 0
    numbers = np.zeros(4, np.int64)
    while parts < 4:
        begin = place
        while place < end and digit(values[place]) and place - begin < 4:
            numbers[parts] = numbers[parts] * 10 + values[place] - 48
            place += 1
        if place == begin or numbers[parts] > 255 or (values[begin] == 48 and place - begin > 1):
            return at
        parts += 1
        if parts < 4:
            if place >= end or values[place] != 46:
                return at
            place += 1
    if place - at == 7 or not ends_here(values, place, end):
        return at
    return place if is_public(numbers[0], numbers[1], numbers[2]) else at


@njit(cache=True, nogil=True)
def is_public(one: int, two: int, three: int) -> bool:
    """Not private, loopback, link-local, shared, for documentation or benchmarks, multicast, reserved, or "this network"."""
    if one in (0, 10, 127) or one >= 224:
        return False
    if (
        (one == 100 and 64 <= two < 128)
        or (one == 172 and 16 <= two < 32)
        or (one == 198 and two in (18, 19))
    ):
        return False
    if (one == 169 and two == 254) or (one == 192 and two == 168):
        return False
    return not (
        (one == 192 and two == 0 and three in (0, 2))
        or (one == 198 and two == 51 and three == 100)
        or (one == 203 and two == 0 and three == 113)
    )


@njit(cache=True, nogil=True)
def version_six(values: Any, at: int, end: int) -> int:  # noqa: C901 - an address is a small grammar
    """Eight groups of hexadecimal digits, or fewer around one "::", in 2000::/3 but for documentation (2001:db8::/32)."""
    place, groups, gap = at, 0, False
    first = second = 0
    while place < end and place - at < MOST_V6:
        begin, value = place, 0
        while place < end and hexadecimal(values[place]) and place - begin < 5:
            byte = values[place] | 0x20
            value = value * 16 + (byte - 48 if digit(values[place]) else byte - 87)
            place += 1
        if place - begin > 4:
            return at
        if place > begin:
            first = value if groups == 0 else first
            second = value if groups == 1 else second
            groups += 1
        if place >= end or values[place] != 58:
            break
        if place + 1 < end and values[place + 1] == 58:
            if gap:
                return at
            gap = True
            place += 2
            if place >= end or not hexadecimal(values[place]):
                break
        elif place + 1 < end and hexadecimal(values[place + 1]) and groups < 8:
            place += 1
        else:
            break
    complete = 2 <= groups < 8 if gap else groups == 8
    longer = place + 1 < end and values[place] == 58 and wordy(values[place + 1])
    if not complete or longer or not ends_here(values, place, end):
        return at
    public = first >> 13 == 1 and not (first == 0x2001 and second == 0xDB8)
    return place if public else at


@njit(cache=True, nogil=True)
def identity_number(values: Any, at: int, end: int) -> int:
    """A resident's number of 18 characters: province, a day of 1900 to 2099, the check character (GB 11643-1999)."""
    if at + 18 > end or not ends_here(values, at + 18, end):
        return at
    total = 0
    for step in range(17):
        if not digit(values[at + step]):
            return at
        total += (values[at + step] - 48) * WEIGHTS[step]
    last = values[at + 17]
    if (88 if last == 120 else last) != CHECKS[total % 11]:
        return at
    century, month, day = number(values, at + 6, 2), number(values, at + 10, 2), number(values, at + 12, 2)
    if not IS_PROVINCE[number(values, at, 2)] or century not in (19, 20) or not 1 <= month <= 12:
        return at
    return at + 18 if 1 <= day <= MONTH_DAYS[month - 1] else at


@njit(cache=True, nogil=True)
def number(values: Any, at: int, digits: int) -> int:
    found = 0
    for step in range(digits):
        found = found * 10 + values[at + step] - 48
    return found


@njit(cache=True, nogil=True)
def collect(values: Any, at: int, end: int, digits: Any) -> tuple[int, int]:
    """(how many digits, where they end): digits with single spaces, hyphens or dots between, as many as fit."""
    count, place, stop = 0, at, at
    while place < end and count < len(digits):
        if digit(values[place]):
            digits[count] = values[place] - 48
            count += 1
            place += 1
            stop = place
        elif (
            count > 0
            and stop == place
            and values[place] in (32, 45)
            and place + 1 < end
            and digit(values[place + 1])
        ):
            place += 1
        else:
            break
    return count, stop


@njit(cache=True, nogil=True)
def card_number(values: Any, base: int, at: int, end: int) -> int:
    """A payment card: a known network's first digits and length (ISO/IEC 7812), groups of four or none, Luhn's check."""
    if not 50 <= values[at] <= 54:
        return at
    digits = np.zeros(19, np.int64)
    most, _ = collect(values, at, end, digits)
    for size in range(most, 13, -1):
        _, stop = collect(values, at, end, digits[:size])
        if not ends_here(values, stop, end) or not is_network(digits, size) or not luhn(digits[:size]):
            continue
        if stop - at == size or (
            groups_of_cards(values, at, stop) and not in_table(values, base, at, stop, end)
        ):
            return stop
    return at


@njit(cache=True, nogil=True)
def luhn(digits: Any) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B): every second digit from the right doubled, the sum of all digits ends in 0."""
    total = 0
    for place in range(len(digits)):
        value = digits[len(digits) - 1 - place] * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@njit(cache=True, nogil=True)
def in_table(values: Any, base: int, at: int, stop: int, end: int) -> bool:
    """Whether more numbers stand around spaced ones: a row of a table, where Luhn lets a tenth through."""
    if at - 2 >= base and values[at - 1] == 32 and digit(values[at - 2]):
        return True
    if stop + 4 >= end or values[stop] != 32:
        return False
    for step in range(1, 5):
        if not digit(values[stop + step]):
            return False
    return True


@njit(cache=True, nogil=True)
def groups_of_cards(values: Any, at: int, stop: int) -> bool:
    """Whether groups are of four digits, the last of any number; or 4, 6 and the rest."""
    length, group = 0, 0
    for place in range(at, stop):
        if digit(values[place]):
            length += 1
            continue
        if length != 4 and not (group == 1 and length == 6):
            return False
        length = 0
        group += 1
    return True


@njit(cache=True, nogil=True)
def is_network(digits: Any, count: int) -> bool:
    """UnionPay, Visa, Mastercard, American Express, Discover, JCB, Diners Club."""
    two = digits[0] * 10 + digits[1]
    four = two * 100 + digits[2] * 10 + digits[3]
    if two == 62:
        return count >= 16
    if digits[0] == 4:
        return count in (16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720 or two == 65 or four == 6011 or 3528 <= four <= 3589:
        return count == 16
    if two in (34, 37):
        return count == 15
    return count == 14 and (two in (36, 38) or 3000 <= four <= 3059)


@njit(cache=True, nogil=True)
def phone_number(values: Any, at: int, end: int) -> int:
    """A telephone number in one of the ways in which they are written; a bare row of digits only if it is a Chinese mobile's.

    +country and number, 9 to 15 digits; 13800138000 and 138-0013-8000, also after 86 or 0086; 010-12345678 and
    (0755)1234567 with a hyphen or brackets; (212) 555-0100 and 212-555-0100 by the North American plan.
    """
    if values[at] == 43:
        stop = international(values, at, end)
    elif values[at] == 40 or values[min(at + 3, end - 1)] == 45 or values[min(at + 4, end - 1)] == 45:
        stop = area_coded(values, at, end)
    else:
        stop = at
    if stop == at:
        begin = behind_country(values, at, end)
        stop = mobile(values, begin, end)
        stop = at if stop == begin else stop
    return stop if stop > at and ends_here(values, stop, end) else at


@njit(cache=True, nogil=True)
def behind_country(values: Any, at: int, end: int) -> int:
    """Where the number begins behind 86 or 0086 and a separator; `at` where neither stands here."""
    place = at
    if place + 4 < end and values[place] == 48 and values[place + 1] == 48:
        place += 2
    if place + 2 >= end or values[place] != 56 or values[place + 1] != 54:
        return at
    return place + 3 if values[place + 2] == 32 or values[place + 2] == 45 else place + 2


@njit(cache=True, nogil=True)
def mobile(values: Any, at: int, end: int) -> int:
    """1, 3 to 9, nine more; in one row or as 3, 4 and 4."""
    if at + 11 > end or values[at] != 49:
        return at
    digits = np.zeros(11, np.int64)
    count, stop = collect(values, at, end, digits)
    if count != 11 or digits[1] < 3:
        return at
    if stop - at == 11:
        return stop
    parted = stop - at == 13 and not digit(values[at + 3]) and not digit(values[at + 8])
    return stop if parted else at


@njit(cache=True, nogil=True)
def international(values: Any, at: int, end: int) -> int:
    """+, a country code that begins with 1 to 9, digits with single separators, or a bracket and a separator."""
    place = at + 1
    if place >= end or not 49 <= values[place] <= 57:
        return at
    count, stop = 0, at
    while place < end and place - at <= MOST_NUMBER:
        byte = values[place]
        if digit(byte):
            count += 1
            stop = place + 1
        elif not joins(values[place - 1], byte):
            break
        place += 1
    return stop if LEAST_DIGITS <= count <= MOST_DIGITS else at


@njit(cache=True, nogil=True)
def joins(before: int, byte: int) -> bool:
    """Whether a separator or bracket may follow this byte within a number: "1 (2", "1) 2", "1-2"."""
    if digit(before):
        return byte in (32, 40, 41, 45, 46)
    return (before == 41 and byte in (32, 45, 46)) or (byte == 40 and before in (32, 45, 46))


@njit(cache=True, nogil=True)
def area_coded(values: Any, at: int, end: int) -> int:
    """(0755)1234567, (010) 12345678, 010-12345678 in China; (212) 555-0100, 212-555-0100 in North America."""
    bracket = values[at] == 40
    first = place = at + 1 if bracket else at
    while place < end and digit(values[place]) and place - first < 4:
        place += 1
    code = place - first
    if code < 3 or place >= end or values[place] != (41 if bracket else 45):
        return at
    place += 1
    if bracket and place < end and values[place] == 32:
        place += 1
    stop = at
    if values[first] == 48:
        stop = local_number(values, place, end)
    elif code == 3 and values[first] >= 50:
        stop = north_american(values, place, end)
    return stop if stop > place else at


@njit(cache=True, nogil=True)
def local_number(values: Any, at: int, end: int) -> int:
    """7 or 8 digits that begin with 2 to 8."""
    place = at
    while place < end and digit(values[place]) and place - at <= 8:
        place += 1
    return place if 7 <= place - at <= 8 and 50 <= values[at] <= 56 else at


@njit(cache=True, nogil=True)
def north_american(values: Any, at: int, end: int) -> int:
    """Exchange, that begins with 2 to 9, and line: 555-0100."""
    if at + 8 > end or values[at] < 50 or values[at + 3] not in (45, 46, 32):
        return at
    for step in range(8):
        if step != 3 and not digit(values[at + step]):
            return at
    return at + 8


@njit(cache=True, nogil=True)
def secret(values: Any, base: int, at: int, end: int, known: Any) -> int:
    """Where a key of a known format ends, a JSON web token, or a private key in PEM; `at` where none begins."""
    if values[at] == 45:
        return private_key(values, at, end)
    for place in range(len(known.least)):
        begin, stop = known.offsets[place], known.offsets[place + 1]
        if not stands(values, at, end, known.prefixes[begin:stop]):
            continue
        here = at + stop - begin
        reach = here
        while (
            reach < end
            and reach - here <= known.most[place]
            and ALPHABET[values[reach]] & known.alphabet[place]
        ):
            reach += 1
        if known.least[place] <= reach - here <= known.most[place] and not (
            reach < end and wordy(values[reach])
        ):
            return reach
    apart = (
        at == base or not ALPHABET[values[at - 1]]
    )  # so that what was no token is not read again from its middle
    return web_token(values, at, end) if apart else at


WEB_TOKEN = np.frombuffer(b"eyJ", np.uint8)
DASHES_BEGIN = np.frombuffer(b"-----BEGIN ", np.uint8)
DASHES_END = np.frombuffer(b"-----END ", np.uint8)
PRIVATE = np.frombuffer(b"PRIVATE KEY-----", np.uint8)


@njit(cache=True, nogil=True)
def stands(values: Any, at: int, end: int, known: Any) -> bool:
    if at + len(known) > end:
        return False
    for step in range(len(known)):
        if values[at + step] != known[step]:
            return False
    return True


@njit(cache=True, nogil=True)
def web_token(values: Any, at: int, end: int) -> int:
    """eyJ….eyJ….signature, of at least 10 characters each; at most 8 KiB."""
    place = at
    for part in range(3):
        if part < 2 and not stands(values, place, end, WEB_TOKEN):
            return at
        begin = place
        while place < end and place - at < 8192 and ALPHABET[values[place]] & (WORD | DASH | LINE):
            place += 1
        if place - begin < 10:
            return at
        if part < 2:
            if place >= end or values[place] != 46:
                return at
            place += 1
    return place


@njit(cache=True, nogil=True)
def private_key(values: Any, at: int, end: int) -> int:
    """-----BEGIN … PRIVATE KEY----- to the end of its last line, or as far as a cut one goes in Base64; at most 16 KiB."""
    if not stands(values, at, end, DASHES_BEGIN):
        return at
    place = head_ends(values, at + len(DASHES_BEGIN), end)
    if place < 0:
        return at
    reach = min(end, at + MOST_PEM)
    while place < reach and not (values[place] == 45 and stands(values, place, end, DASHES_END)):
        byte = values[place]
        if not (wordy(byte) or byte in (10, 13, 32, 43, 44, 45, 47, 58, 61, 92)):
            return place
        place += 1
    tail = head_ends(values, place + len(DASHES_END), end) if place < reach else -1
    return tail if tail >= 0 else place


@njit(cache=True, nogil=True)
def head_ends(values: Any, at: int, end: int) -> int:
    """Where "… PRIVATE KEY-----" ends, within 40 bytes; -1 where it is another."""
    for place in range(at, min(at + 40, end)):
        if values[place] == 80 and stands(values, place, end, PRIVATE):
            return place + len(PRIVATE)
        if values[place] in (10, 45):
            return -1
    return -1
