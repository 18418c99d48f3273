"""What is garbled, by Python's own codecs and expressions."""

import re

from pipeline.kernels.garbled import COUNTS
from tests.oracles.surface import is_han

LATIN = re.compile(rb"[\xc2\xc3\xce\xcf\xd0\xd1][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x80-\xbf]{3}")
GBK = re.compile(rb"[\xe3-\xe9\xef][\x80-\xbf]{2}")
USUAL = re.compile("[\u3000-\u30ff\uff00-\uff5e]")


def back(character: str, *encodings: str) -> bytes:
    """The bytes of the first encoding that has the character; a zero byte for ASCII, which ends every reading."""
    for encoding in encodings if not character.isascii() else ():
        try:
            return character.encode(encoding)
        except UnicodeEncodeError:
            continue
    return b"\0"


def common(character: str) -> bool:
    """In GB 2312, on Big5's first level, or in JIS X 0208 without its extensions."""
    if character in "々〇":
        return True
    found = {name: encoded(character, name) for name in ("gb2312", "big5", "euc_jp")}
    first_level = len(found["big5"]) == 2 and 0xA4 <= found["big5"][0] <= 0xC6
    simplified = len(found["gb2312"]) == 2 and found["gb2312"][0] >= 0xB0
    return simplified or first_level or (len(found["euc_jp"]) == 2 and found["euc_jp"][0] >= 0xB0)


def encoded(character: str, name: str) -> bytes:
    try:
        return character.encode(name)
    except UnicodeEncodeError:
        return b""


def garbled(text: str) -> tuple[int, ...]:
    """In the order of pipeline.kernels.garbled.COUNTS."""
    latin = b"".join(back(character, "cp1252", "latin-1") for character in text)
    gbk = b"".join(back(character, "gbk") for character in text)
    read = [hit.decode(errors="ignore") for hit in GBK.findall(gbk)]
    han = [character for character in text if is_han(character)]
    codes = [ord(character) for character in text]
    counts = {
        "replacement_characters": text.count("\ufffd"),
        "private_characters": sum(0xE000 <= code < 0xF900 or code >= 0xF0000 for code in codes),
        "control_characters": len(
            re.findall("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef]", text)
        )
        + sum(code % 0x10000 >= 0xFFFE for code in codes),
        "latin_mojibake": len(LATIN.findall(latin)),
        "gbk_mojibake": sum(bool(one) and (common(one) or bool(USUAL.match(one))) for one in read)
        + len(re.findall("锟斤拷|(?=烫烫烫)|(?=屯屯屯)", text)),
        "latin_runs": sum(map(len, re.findall("[\xa1-\xff]{4,}", text))),
        "byte_tokens": len(re.findall("<0x[0-9A-F]{2}>", text)),
        "visible_characters": len("".join(text.split())),
        "han_characters": len(han),
        "rare_han": sum(not common(character) for character in han),
    }
    return tuple(counts[name] for name in COUNTS)
