"""Our verdicts beside those of datatrove's own filters, rule by rule, on the English corpus.

`python -m tests.benchmarks.datatrove_verdicts`, some ten minutes; with `--every 20` on each 20th document. datatrove
has an environment of its own below the cache folder, made by uv. Each of its rules runs alone (datatrove_filters.py),
with the words that its filters find (spaCy) and with those of str.split(), which ours have. A document that is judged
otherwise is put to the first difference of definition that accounts for it: with the definition changed to theirs, here
in Python, our verdict is theirs.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import zstandard

from pipeline.kernels.cuts import apply
from pipeline.measures.c4 import C4Cuts
from pipeline.rules.c4 import C4Lines
from pipeline.rules.fineweb import FineWebQuality
from pipeline.rules.gopher import GopherQuality, GopherRepetition
from tests.benchmarks.works import ENVIRONMENTS
from tests.environments import python_with
from tests.oracles.c4 import sentences

CORPUS = Path(__file__).resolve().parents[3] / "shared/data/corpus"
SOURCES = ("docs_permissive", "en_acl_papers", "en_books_classic", "en_movie_reviews", "en_nltk_speeches")
PAGE = C4Cuts(
    min_words=3,
    unwanted=("javascript", *("terms of use", "privacy policy", "cookie policy"), *("uses cookies", "use of cookies", "use cookies")),
    citations=("edit", "citation needed"),
)  # fmt: skip

Test = Callable[[str], bool]


class Rule(NamedTuple):
    """One of theirs and what it is here. `agree`: the definitions are the same up to white space around lines, given the
    same words; fixed before the first measurement (2026-11-25). `classes`: what else differs, each with our verdict as
    it is by that definition of theirs.
    """

    name: str
    ours: Any  # with all other limits off
    agree: bool
    classes: tuple[tuple[str, Test], ...] = ()


def alone(rule: Any, *limits: str) -> Any:
    """The rule with all but these limits off."""
    off = {one.name: -1.0 if one.name.startswith("min_") else 9e99 for one in fields(rule)}
    return replace(rule, **{name: value for name, value in off.items() if name not in limits})


class C4Page(NamedTuple):
    """C4Lines as datatrove has it: three words a line, five sentences."""

    rule: C4Lines
    needs: tuple[C4Cuts, ...] = (PAGE,)

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return self.rule(seen)


def rules() -> list[Rule]:
    gopher, repetition, fineweb = (
        GopherQuality(),
        GopherRepetition(),
        FineWebQuality(max_repeated_line_characters=0.01),
    )
    page = C4Lines(min_sentences=5)
    return [
        Rule("dup_line_frac", alone(repetition, "max_repeated_lines"), True, RAW_LINES),
        Rule("dup_para_frac", alone(repetition, "max_repeated_paragraphs"), True, RAW_PARAGRAPHS),
        Rule("dup_line_char_frac", alone(repetition, "max_repeated_line_characters"), True, RAW_LINE_CHARACTERS),
        Rule("dup_para_char_frac", alone(repetition, "max_repeated_paragraph_characters"), True, RAW_PARAGRAPH_CHARACTERS),
        *(
            Rule(f"top_{n}", alone(repetition, f"max_top_{n}_gram"), False, top_classes(n, getattr(repetition, f"max_top_{n}_gram")))
            for n in (2, 3, 4)
        ),
        *(
            Rule(f"dup_{n}", alone(repetition, f"max_repeated_{n}_grams"), False, repeated_classes(n, getattr(repetition, f"max_repeated_{n}_grams")))
            for n in range(5, 11)
        ),
        Rule("min_doc_words", alone(gopher, "min_words"), False, (("words of punctuation are none", lambda text: len(plain(text)) < 50),)),
        Rule("max_doc_words", alone(gopher, "max_words"), False, (("words of punctuation are none", lambda text: len(plain(text)) > 100_000),)),
        Rule("min_avg_word_length", alone(gopher, "min_word_length"), False, (("words of punctuation are none", lambda text: length(text) < 3),)),
        Rule("max_avg_word_length", alone(gopher, "max_word_length"), False, (("words of punctuation are none", lambda text: length(text) > 10),)),
        Rule("max_symbol_word_ratio", alone(gopher, "max_symbol_ratio", "max_ellipsis_ratio"), True),
        Rule("max_bullet_lines_ratio", alone(gopher, "max_bullet_lines"), False, (
            ("blank lines count; bullets are • and - alone", lambda text: share(text.splitlines(), lambda line: line.lstrip().startswith(("•", "-"))) > 0.9),)),
        Rule("max_ellipsis_lines_ratio", alone(gopher, "max_ellipsis_lines"), False, (
            ("blank lines count", lambda text: share(text.splitlines(), lambda line: line.rstrip().endswith(("...", "…"))) > 0.3),)),
        Rule("max_non_alpha_words_ratio", alone(gopher, "min_alphabetic_words"), True),
        Rule("min_stop_words", alone(gopher, "min_stop_words"), False, (
            ("a capital or a comma makes another word", lambda text: len(STOPS & set(text.split())) < 2),)),
        Rule("line_punct_thr", alone(fineweb, "min_ended_lines"), False, (
            ("a closing quotation mark ends no line", lambda text: ended(text, as_it_is=False) < 0.12),
            ("nor does white space behind the mark", lambda text: ended(text, as_it_is=True) < 0.12))),
        Rule("short_line_thr", alone(fineweb, "max_short_lines"), True, (
            ("white space around a line counts", lambda text: share(solid(text), lambda line: len(line) <= 30) > 0.67),)),
        Rule("char_duplicates_ratio", alone(fineweb, "max_repeated_line_characters"), True, (
            ("white space counts", lambda text: later(solid(text))[1] / len(text.replace("\n", "")) > 0.01),)),
        Rule("new_line_ratio", alone(fineweb, "max_newlines"), True),
        Rule("filter_lorem_ipsum", C4Page(alone(page, "max_placeholders")), True),
        Rule("filter_curly_bracket", C4Page(alone(page, "max_braces")), True, PUNCTUATION_COUNTS_BRACES),
        Rule("min_num_sentences", C4Page(alone(page, "min_sentences")), False, PUNCTUATION_COUNTS_SENTENCES),
    ]  # fmt: skip


STOPS = {"the", "be", "to", "of", "and", "that", "have", "with"}
PUNCTUATION = set("!/—”:%1〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»")


def share(lines: list[str], test: Test) -> float:
    return sum(map(test, lines)) / len(lines) if lines else 0.0


def solid(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def later(parts: list[str]) -> tuple[int, int]:
    """(parts that stood before, their characters), with all white space as it is."""
    seen, found, characters = set[str](), 0, 0
    for part in parts:
        found += part in seen
        characters += len(part) * (part in seen)
        seen.add(part)
    return found, characters


def raw(parts: list[str], text: str, limit: float, *, characters: bool) -> bool:
    found, size = later(parts)
    return (size / max(len(text), 1) if characters else found / len(parts)) > limit


def lines_of(text: str) -> list[str]:
    return re.split("\n+", text)


def paragraphs_of(text: str) -> list[str]:
    return re.split("\n{2,}", text.strip())


WHITE = "white space around lines, blank lines and inside counts"
RAW_LINES = ((WHITE, lambda text: raw(lines_of(text), text, 0.3, characters=False)),)
RAW_LINE_CHARACTERS = ((WHITE, lambda text: raw(lines_of(text), text, 0.2, characters=True)),)
RAW_PARAGRAPHS = ((WHITE, lambda text: raw(paragraphs_of(text), text, 0.3, characters=False)),)
RAW_PARAGRAPH_CHARACTERS = ((WHITE, lambda text: raw(paragraphs_of(text), text, 0.2, characters=True)),)


def plain(text: str) -> list[str]:
    return [word for word in text.split() if not set(word) <= PUNCTUATION]


def length(text: str) -> float:
    words = plain(text)
    return sum(map(len, words)) / len(words) if words else float("nan")


def ended(text: str, *, as_it_is: bool) -> float:
    return share(
        solid(text), lambda line: (line if as_it_is else line.strip()).endswith(tuple(".?!。？！．｡"))
    )


def page_lines(text: str) -> list[str]:
    """The lines that their C4 keeps, those with a policy phrase among them: its brace rule comes first."""
    bare = [
        (line.split(), re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", line.strip()))
        for line in text.splitlines()
    ]
    return [
        line
        for words, line in bare
        if len(words) >= 3
        and max(map(len, words)) <= 1000
        and line.endswith(tuple(".?!\"'"))
        and not line.endswith("...")
        and "javascript" not in line.lower()
    ]


LINES = "a word of punctuation is one, white space behind a citation counts, policies come after braces"
PUNCTUATION_COUNTS_BRACES = ((LINES, lambda text: any("{" in line for line in page_lines(text))),)
PUNCTUATION_COUNTS_SENTENCES = ((LINES, lambda text: sum(map(sentences, page_lines(text))) < 5),)


def top_classes(size: int, limit: float) -> tuple[tuple[str, Test], ...]:
    def top(text: str, least: int) -> float:
        words = text.split()
        grams = Counter(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
        gram, times = grams.most_common(1)[0] if grams else ("", 0)
        return len(gram) * times / len(text) if times >= least else 0.0

    return (
        ("white space counts, in the gram and in the whole", lambda text: top(text, 2) > limit),
        ("a gram may stand once", lambda text: top(text, 1) > limit),
    )


def repeated_classes(size: int, limit: float) -> tuple[tuple[str, Test], ...]:
    def covered(text: str) -> float:
        words, seen, marked = text.split(), set[tuple[str, ...]](), set[int]()
        for at in range(len(words) - size + 1):
            gram = tuple(words[at : at + size])
            marked |= set(range(at, at + size)) if gram in seen else set()
            seen.add(gram)
        return sum(len(words[at]) for at in marked) / len(text)

    def walked(text: str) -> float:
        words, seen, at, found = text.split(), set[str](), 0, 0
        while at < len(words) - size + 1:
            gram = "".join(words[at : at + size])
            known = gram in seen
            seen.add(gram)
            found += len(gram) * known
            at += size if known else 1
        return found / len(text)

    return (
        ("white space counts in the whole", lambda text: covered(text) > limit),
        ("it goes on behind each gram found", lambda text: walked(text) > limit),
    )


def texts(every: int) -> list[str]:
    found = []
    for name in SOURCES:
        with zstandard.open(CORPUS / f"{name}.jsonl.zst", "rt", encoding="utf-8") as rows:
            found += [row["text"] for row in map(json.loads, rows) if row["lang"] == "en"]
    return found[::every]


def theirs(documents: list[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "texts.jsonl", Path(folder) / "verdicts.jsonl"
        given.write_text("".join(json.dumps(text) + "\n" for text in documents), encoding="utf-8")
        program = Path(__file__).parent / "peers/datatrove_filters.py"
        python = python_with("bench-datatrove", list(ENVIRONMENTS["datatrove"]))
        subprocess.run([python, program, given, found], check=True)
        return [json.loads(row) for row in found.read_text(encoding="utf-8").splitlines()]


def ours(rule: Any, documents: pa.RecordBatch, measured: dict[Any, pa.RecordBatch]) -> list[bool]:
    columns: dict[str, pa.Array] = {}
    for need in rule.needs:
        if need not in measured:
            measured[need] = need(documents)
        columns |= dict(zip(need.columns.names, measured[need].columns, strict=True))
    return rule(pa.RecordBatch.from_pydict(columns)).is_valid().to_pylist()


def compare(documents: list[str], verdicts: list[dict[str, Any]]) -> Iterator[str]:
    """The table, row by row."""
    batch = pa.record_batch({"text": pa.array(documents, pa.string())})
    measured: dict[Any, pa.RecordBatch] = {}
    yield "| rule of datatrove | same definition | dropped by it | equal, same words | equal, spaCy's words | documents that differ with the same words, by class |"
    yield "|---|---|---:|---:|---:|---|"
    for rule in rules():
        mine = ours(rule.ours, batch, measured)
        split, spacy = ([rule.name in one[words] for one in verdicts] for words in ("split", "spacy"))
        differ = [at for at, drop in enumerate(split) if drop != mine[at]]
        classes = Counter(class_of(rule, documents[at], split[at]) for at in differ)
        said = "; ".join(f"{times} {name}" for name, times in classes.items())
        shares = (
            sum(a == b for a, b in zip(mine, other, strict=True)) / len(mine) for other in (split, spacy)
        )
        row = [
            f"`{rule.name}`",
            "yes" if rule.agree else "",
            str(sum(split)),
            *(f"{one:.2%}" for one in shares),
            said,
        ]
        yield f"| {' | '.join(row)} |"
    left = apply(batch["text"], PAGE(batch)["c4_cuts"]).to_pylist()
    pairs = [(squeezed(one), squeezed(other["lines"])) for one, other in zip(left, verdicts, strict=True)]
    kept = sum(len(set(a) ^ set(b)) for a, b in pairs), sum(len(set(a) | set(b)) for a, b in pairs)
    equal = sum(a == b for a, b in pairs) / len(pairs)
    yield f"\nC4's lines: {1 - kept[0] / max(kept[1], 1):.2%} of the different lines that either keeps are kept by both; "
    yield f"{equal:.2%} of the documents are left with the same lines."


def agreement(every: int) -> dict[str, float]:
    """Of each rule with the same definition the share of documents with the same verdict, given the same words."""
    documents = texts(every)
    batch, verdicts = pa.record_batch({"text": pa.array(documents, pa.string())}), theirs(documents)
    measured: dict[Any, pa.RecordBatch] = {}
    found = {}
    for rule in (one for one in rules() if one.agree):
        mine = ours(rule.ours, batch, measured)
        same = sum((rule.name in one["split"]) == drop for one, drop in zip(verdicts, mine, strict=True))
        found[rule.name] = same / len(documents)
    return found


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.split("\n") if line.strip()]


def class_of(rule: Rule, text: str, verdict: bool) -> str:
    return next((name for name, test in rule.classes if test(text) == verdict), "not explained")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each so many-th document")
    parser.add_argument(
        "--verdicts", type=Path, help="what datatrove_filters.py wrote for these documents before"
    )
    given = parser.parse_args()
    documents = texts(given.every)
    if given.verdicts:
        verdicts = [json.loads(row) for row in given.verdicts.read_text(encoding="utf-8").splitlines()]
    else:
        verdicts = theirs(documents)
    print(
        f"{len(documents)} documents, {sum(len(text.encode()) for text in documents) / 1e6:.1f} MB, {ENVIRONMENTS['datatrove'][0]}\n"
    )
    for line in compare(documents, verdicts):
        print(line, flush=True)


if __name__ == "__main__":
    main()
