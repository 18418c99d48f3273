"""Markdown: one file is one document, its text as it stands; front matter leaves the text and becomes fields.

Front matter is a YAML mapping between two lines `---` at the very start of a file (Jekyll, Hugo, Hexo). Its scalars are kept as
they are written: `date: 2024-02-29` and `draft: no` are strings here. One that is no plain mapping stays in the text.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.readers.raw import Raw
from pipeline.readers.rows import Found
from pipeline.readers.shape import Read, Reading
from pipeline.readers.whole import decode, read_whole

FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
MOST_CHARACTERS, DEEPEST = 64 << 10, 20  # of front matter
OPENS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
CLOSES = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def read_markdown(raw: Raw, reading: Reading) -> Iterator[Read]:
    """One row: the document, or why there is none."""
    return read_whole(raw, reading, lambda data: find(decode(data)))


def find(text: str) -> Found:
    """The text below its front matter. `url` and `date` in that are the document's."""
    matter, rest = split(text)
    fields = parse(matter)
    if fields is None:
        return Found(text, {})
    url, date = (fields.pop(name) if type(fields.get(name)) is str else None for name in ("url", "date"))
    return Found(rest, fields, url, date)


def split(text: str) -> tuple[str, str]:
    """(front matter, the rest); the first is empty where there is none."""
    found = FRONT_MATTER.match(text, 0, MOST_CHARACTERS)
    return (found[1], text[found.end() :]) if found else ("", text)


def parse(matter: str) -> dict[str, Any] | None:
    """The mapping, its keys and scalars strings; None where it is something else, malformed, or nested to do harm."""
    if not matter:
        return None
    try:
        if not is_plain(matter):
            return None
        fields = yaml.load(matter, Loader=yaml.CBaseLoader)  # noqa: S506 — makes nothing but strings, lists and dicts
    except (yaml.YAMLError, TypeError, ValueError):  # an unhashable key
        return None
    return fields if type(fields) is dict and has_string_keys(fields) else None


def is_plain(matter: str) -> bool:
    """No aliases, which multiply (a kilobyte can stand for 10^9 nodes), and no depth that a parser's stack dies of."""
    depth = 0
    for event in yaml.parse(matter, Loader=yaml.CBaseLoader):
        depth += isinstance(event, OPENS) - isinstance(event, CLOSES)
        if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
            return False
    return True


def has_string_keys(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str and has_string_keys(inner) for key, inner in value.items())
    return all(map(has_string_keys, value)) if type(value) is list else True
