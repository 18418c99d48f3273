"""Verdicts of datatrove's own filters, rule by rule: run by datatrove_verdicts.py in an environment that has datatrove.

Usage: python datatrove_filters.py TEXTS.jsonl OUT.jsonl. A row of TEXTS is a JSON string; a row of OUT says which rules
drop that text alone, with datatrove's spaCy words and with str.split()'s, and what C4's line rules leave of it.
"""

import json
import sys
from collections.abc import Callable

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

REPEATED = {"dup_line_frac": 0.3, "dup_para_frac": 0.3, "dup_line_char_frac": 0.2, "dup_para_char_frac": 0.2}
TOP = {2: 0.2, 3: 0.18, 4: 0.16}
GRAMS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1}
QUALITY = {
    "min_doc_words": 50,
    "max_doc_words": 100_000,
    "min_avg_word_length": 3,
    "max_avg_word_length": 10,
    "max_symbol_word_ratio": 0.1,
    "max_bullet_lines_ratio": 0.9,
    "max_ellipsis_lines_ratio": 0.3,
    "max_non_alpha_words_ratio": 0.8,
    "min_stop_words": 2,
}
FINEWEB = {
    "line_punct_thr": 0.12,
    "short_line_thr": 0.67,
    "char_duplicates_ratio": 0.01,
    "new_line_ratio": 0.3,
}
FINEWEB_OFF = {
    "line_punct_thr": -1,
    "short_line_thr": 9e9,
    "char_duplicates_ratio": 9e9,
    "new_line_ratio": 9e9,
}
C4_OFF = {"min_num_sentences": -1, "filter_lorem_ipsum": False, "filter_curly_bracket": False}
C4 = {"min_num_sentences": 5, "filter_lorem_ipsum": True, "filter_curly_bracket": True}


def alone() -> dict[str, object]:
    """Each rule in a filter of its own, all others switched off."""
    none = dict.fromkeys(REPEATED, None) | {"top_n_grams": (), "dup_n_grams": ()}
    rules: dict[str, object] = {
        name: GopherRepetitionFilter(**none | {name: limit}) for name, limit in REPEATED.items()
    }
    rules |= {
        f"top_{n}": GopherRepetitionFilter(**none | {"top_n_grams": ((n, limit),)})
        for n, limit in TOP.items()
    }
    rules |= {
        f"dup_{n}": GopherRepetitionFilter(**none | {"dup_n_grams": ((n, limit),)})
        for n, limit in GRAMS.items()
    }
    off = dict.fromkeys(QUALITY, None)
    rules |= {name: GopherQualityFilter(**off | {name: limit}) for name, limit in QUALITY.items()}
    rules |= {name: FineWebQualityFilter(**FINEWEB_OFF | {name: limit}) for name, limit in FINEWEB.items()}
    rules |= {name: C4QualityFilter(**C4_OFF | {name: limit}) for name, limit in C4.items()}
    return rules


def drops(rule: object, text: str) -> bool:
    verdict = rule.filter(Document(text=text, id="0"))
    return not (verdict if isinstance(verdict, bool) else verdict[0])


def with_words(split: Callable[..., list[str]]) -> None:
    """Give the filters another way to find words; their own code stays as it is."""
    for module in (gopher_repetition_filter, gopher_quality_filter, fineweb_quality_filter):
        module.split_into_words = split


def main(texts: str, out: str) -> None:
    rules = alone()
    spacy_words = gopher_repetition_filter.split_into_words
    lines = C4QualityFilter(**C4_OFF)
    with open(texts, encoding="utf-8") as rows, open(out, "w", encoding="utf-8") as found:
        for row in rows:
            text = json.loads(row)
            said = {}
            for name, split in (("spacy", spacy_words), ("split", lambda text, _: text.split())):
                with_words(split)
                said[name] = [rule for rule, one in rules.items() if drops(one, text)]
            page = Document(text=text, id="0")
            lines.filter(page)
            found.write(json.dumps({**said, "lines": page.text}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
