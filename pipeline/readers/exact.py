"""Whether a parsed line says all that the line says.

orjson keeps the last of two fields of one name, and makes a float of an integer above 64 bits. Both would change a record
without a word. The quick look counts quotation marks; the slow one, with the standard library's parser, is for lines in doubt.
"""

import json
from collections.abc import Collection
from typing import Any

from pipeline.readers.shape import Refused

LEAST_INTEGER, MOST_INTEGER = -(1 << 63), (1 << 64) - 1
FLAT = frozenset({str, int, bool, type(None)})  # most records have nothing else


def check_exact(line: bytes, record: Any) -> None:
    """Refused: inexact_json, when a field stands twice or an integer lost digits. `line` is valid JSON.

    Every string of a line has two marks that are not escaped, so a field that was lost leaves two too many, and escaped ones
    can only add to that.
    """
    more = line.count(b'"') - 2 * count_strings(record)
    if more and (more != line.count(b'\\"') or b'\\\\"' in line):
        parse_strictly(line)  # two backslashes before a mark: whether it is escaped is no matter of a look


def count_strings(record: Any) -> int:
    """Keys and strings at every depth; -1 where a number is so large that it may have been an integer."""
    if type(record) is dict and FLAT.issuperset(kinds := [*map(type, record.values())]):
        return len(record) + kinds.count(str)
    count = 0
    stack: list[Collection[Any]] = [[record]]
    while stack:
        for value in stack.pop():
            kind = type(value)
            if kind is str:
                count += 1
            elif kind is dict:
                count += len(value)
                stack.append(value.values())
            elif kind is list:
                stack.append(value)
            elif kind is float and abs(value) >= -LEAST_INTEGER:
                return -1
    return count


def parse_strictly(line: bytes) -> None:
    try:
        json.loads(line.decode(), object_pairs_hook=refuse_twins, parse_int=refuse_long)
    except RecursionError as error:
        raise Refused("broken_json", "nested too deep") from error


def refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise Refused("inexact_json", f"field {name[:80]!r} stands twice")
        names.add(name)


def refuse_long(digits: str) -> int:
    if len(digits) > 20 or not LEAST_INTEGER <= int(digits) <= MOST_INTEGER:
        raise Refused("inexact_json", f"an integer above 64 bits: {digits[:80]}")
    return 0
