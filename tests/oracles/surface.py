"""Surface counts with the methods of str."""

import string

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
BULLETS = ("•", "‣", "▪", "●", "○", "-", "*")
HAN = ((0x2E80, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B), (0x3400, 0x4DBF),
       (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x16FE2, 0x16FE3), (0x16FF0, 0x16FF1), (0x20000, 0x323AF))  # fmt: skip
NO_HAN = (0x2E9A, *range(0x2EF4, 0x2F00))
HAN_CODES = {code for low, high in HAN for code in range(low, high + 1)}.difference(NO_HAN)


def is_han(character: str) -> bool:
    return ord(character) in HAN_CODES


def stop_words(text: str) -> int:
    return len(STOP_WORDS & {word.strip(string.punctuation).lower() for word in text.split()})


def surface(text: str) -> tuple[int, ...]:
    """In the order of pipeline.kernels.surface.COUNTS."""
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return (
        len(text),
        len(words),
        sum(map(len, words)),
        text.count("#"),
        text.count("...") + text.count("…"),
        len(lines),
        sum(line.startswith(BULLETS) for line in lines),
        sum(line.endswith(("...", "…")) for line in lines),
        sum(any(map(str.isalpha, word)) for word in words),
        stop_words(text),
        sum(map(str.isalpha, text)),
        sum(map(str.isdigit, text)),
        sum(map(is_han, text)),
    )
