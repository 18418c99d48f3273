"""What MAP-NEO's rules ask of characters, with regular expressions and counters."""

import math
import re
import string
from collections import Counter

LIST_MARKS = tuple("•‣◦●○■□▪▫※·➢▶◀–◆◇★☆")
CHINESE_MARKS = "。，、！？；：“”‘’（）《》〈〉「」『』【】〔〕—…～·"


def variety(text: str, more: tuple[str, ...], window: int) -> tuple[int, ...]:
    """In the order of pipeline.kernels.characters.COUNTS, `marks` of ASCII alone: Unicode's list is not repeated here."""
    solid = "".join(text.split())
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    windows = [solid[at : at + window] for at in range(0, len(solid), window)]
    return (
        sum(bool(piece.strip()) for piece in re.split('[.!?…;"。！？；“”]', text)),
        len(re.findall("#+", text)),
        len(re.findall("…+", text)) + len(re.findall(r"\.{2,}", text)),
        sum(len("".join(found.split())) for found in re.findall("【([^】\n]*)】", text)),
        sum(line.lower().endswith(more) for line in lines),
        sum(line.startswith(LIST_MARKS) for line in lines),
        sum(one in string.punctuation for one in text),
        sum(len(set(one)) for one in windows),
    )


def entropy(text: str) -> float:
    counts = Counter("".join(text.split()))
    return -sum(times / counts.total() * math.log(times / counts.total()) for times in counts.values())
