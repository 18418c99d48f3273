"""C4's line rules with regular expressions and the methods of str."""

import re

from tests.oracles.lines import ascii_lower, is_solo, words
from tests.oracles.repeated_lines import ENDS, QUOTES

ASCII_ENDS, OTHER_ENDS = ".?!", ENDS.translate(dict.fromkeys(map(ord, ".?!")))
CLOSERS = QUOTES + ")]）"


def citations(measure) -> str:
    return r"\[(?:[0-9]*|(?i:{}))\]".format("|".join(map(re.escape, measure.citations)))


def is_finished(line: str, measure) -> bool:
    bare = re.sub(rf"(?:{citations(measure)}|[ \t])+$", "", line)
    return bool(bare) and bare[-1] in ENDS + QUOTES and not bare.endswith("...")


def longest_word(line: str) -> int:
    return max(map(len, "".join(" " if is_solo(one) else one for one in line).split()), default=0)


def sentences(line: str) -> int:
    """One, and one more wherever a letter or sign follows on what ends a sentence."""
    closers, ends = re.escape(CLOSERS), re.escape(ENDS)
    others = re.escape(OTHER_ENDS)
    found = 1
    for match in re.finditer(rf"[{ends}](?:[{ends}{closers}]|\s+(?=[{ends}]))*", line):
        behind = line[match.end() :]
        after = behind.lstrip()
        other = bool(re.search(f"[{others}]", match[0]))
        if not after or (not other and len(after) == len(behind)):
            continue
        begins = after[0]
        lower = begins.isalpha() and not begins.isupper() and ord(begins) < 0x530
        found += other or not lower
    return found


def cut_page(text: str, measure) -> tuple[str, int, int, int]:
    """(what stays, sentences, braces, placeholders)."""
    kept, counts = [], [0, 0, 0]
    for whole in re.findall(r"[^\n]*\n|[^\n]+", text):
        line, small = whole.strip(), ascii_lower(whole)
        if not line:
            kept.append(whole)
            continue
        if (
            words(line) < measure.min_words
            or not is_finished(line, measure)
            or longest_word(line) > measure.max_word_length
            or any(ascii_lower(phrase) in small for phrase in measure.unwanted)
        ):
            continue
        kept.append(re.sub(citations(measure), "", whole))
        counts[0] += sentences(line)
        counts[1] += line.count("{")
        counts[2] += any(ascii_lower(phrase) in small for phrase in measure.placeholders)
    return "".join(kept), *counts
