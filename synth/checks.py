"""Is an answer fit to be a document? `verdict` gives the first reason against it, or none.

Cheap and sure checks only, in plain Python on one answer; what needs a corpus or a model is a stage of the recipe that reads the
documents afterwards. Language is compared by script, which is what can be told of a sentence without a model.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from synth.template import CONTROL

# One character of a script without spaces, or a run of letters and digits.
TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]+"
)
SCRIPTS = (
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HANGUL",
    "LATIN",
    "CYRILLIC",
    "ARABIC",
    "DEVANAGARI",
    "THAI",
    "GREEK",
    "HEBREW",
)
REASONS = (
    "truncated",
    "unfinished",
    "control_tokens",
    "too_short",
    "repetitive",
    "other_script",
    "copied",
    "not_json",
    "against_schema",
)


@dataclass(frozen=True)
class Checks:
    """Limits of a job. A limit of 0 switches shares off (`max_repeated: 1` too)."""

    min_characters: int = 1
    max_repeated: float = 0.3  # share of an answer's 8-grams that are repeats; RedPajama and Gopher cut prose at .1 to .3 by length
    max_copied: float = 0.5  # share of an answer's 8-grams that stand in the prompt
    same_script: bool = True
    truncated: bool = False  # whether an answer that met max_tokens may stay

    def __post_init__(self) -> None:
        for name in ("max_repeated", "max_copied"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} must lie in 0 … 1")


def verdict(checks: Checks, prompt: str, answer: str, finish: str, schema: Any = None) -> str | None:
    """The reason against an answer, one of REASONS, or None."""
    if finish == "length" and not checks.truncated:
        return "truncated"
    if finish not in ("stop", "length"):
        return "unfinished"
    if CONTROL.search(answer):
        return "control_tokens"
    if len(answer.strip()) < checks.min_characters:
        return "too_short"
    if schema is not None:
        return against(answer, orjson.dumps(schema))
    return against_prose(checks, prompt, answer)


def against_prose(checks: Checks, prompt: str, answer: str) -> str | None:
    grams = eights(answer)
    if len(grams) - len(set(grams)) > (checks.max_repeated or 1) * len(grams):
        return "repetitive"
    if checks.same_script and (one := script(prompt)) and (other := script(answer)) and one != other:
        return "other_script"
    if grams and checks.max_copied:
        known = set(eights(prompt))
        if sum(gram in known for gram in grams) > checks.max_copied * len(grams):
            return "copied"
    return None


def eights(text: str) -> list[tuple[str, ...]]:
    """Runs of eight tokens: words, or characters where a script has no spaces."""
    tokens = TOKEN.findall(text.lower())
    return list(zip(*(tokens[start:] for start in range(8)), strict=False))


def script(text: str) -> str | None:
    """The script of most letters; Japanese counts as one with Han. None where there are fewer than eight letters.

    Formulas and names put Latin into any text, so Latin leads only where it has four letters in five.
    """
    found = Counter(script_of(one) for one in text if one.isalpha())
    found["CJK"] += found.pop("HIRAGANA", 0) + found.pop("KATAKANA", 0)
    total = sum(found.values())
    if total < 8:
        return None
    others = {name: count for name, count in found.items() if name != "LATIN"}
    return "LATIN" if found["LATIN"] >= 0.8 * total else max(sorted(others), key=others.__getitem__)


@lru_cache(1 << 16)
def script_of(character: str) -> str:
    name = unicodedata.name(character, "")
    return next((one for one in SCRIPTS if name.startswith(one)), "other")


def against(answer: str, schema: bytes) -> str | None:
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return "not_json"
    return None if validator(schema).is_valid(found) else "against_schema"


@lru_cache(64)
def validator(schema: bytes) -> Any:
    from jsonschema import Draft202012Validator

    plain = orjson.loads(schema)
    Draft202012Validator.check_schema(plain)
    return Draft202012Validator(plain)


def prompt_text(messages: Sequence[Any]) -> str:
    """All text of a request's messages."""
    parts = [one.get("content") for one in messages]
    return "\n".join(
        text
        for part in parts
        for text in ([part] if isinstance(part, str) else [one.get("text", "") for one in part or ()])
    )
