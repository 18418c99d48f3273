"""RefinedWeb's line rules with regular expressions and the methods of str."""

import re

from tests.oracles.surface import is_han

UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0xAA60, 0xAA7F),
            (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F))  # fmt: skip
UNSPACED_CODES = {code for low, high in UNSPACED for code in range(low, high + 1)}
COUNTER = r"[^0-9A-Za-z]*[0-9.,]+[kmb]? +({})[^0-9A-Za-z]*"


def is_solo(character: str) -> bool:
    return is_han(character) or (ord(character) in UNSPACED_CODES and character.isalpha())


def words(text: str) -> int:
    """Solo characters, and what lies between them and white space if it has a letter or digit."""
    spaced = "".join(" " if is_solo(one) else one for one in text).split()
    return sum(map(is_solo, text)) + sum(any(c.isalpha() or c.isdigit() for c in run) for run in spaced)


def ascii_lower(text: str) -> str:
    return text.encode().lower().decode()


def is_bad(line: str, measure) -> bool:
    """Of a line and the fields of a LineCuts."""
    line = line.strip()
    if not line:
        return False
    upper, letters = sum(c.isupper() and c.isalpha() for c in line), sum(map(str.isalpha, line))
    if upper > measure.max_upper_share * letters or "".join(line.split()).isdigit() or words(line) <= 1:
        return True
    small = ascii_lower(line)
    counter = words(line) == 2 and re.fullmatch(COUNTER.format("|".join(measure.counted)), small)
    known = (
        small.startswith(measure.beginnings),
        small.endswith(measure.endings),
        any(phrase in small for phrase in measure.insides),
        counter,
    )
    return words(line) <= measure.max_phrase_words and any(known)


def cut_lines(text: str, measure) -> tuple[str, int, int]:
    """(what stays, words, words cut)."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    kept = [line for line in lines if not is_bad(line, measure)]
    before = sum(map(words, lines))
    return "".join(kept), before, before - sum(map(words, kept))
