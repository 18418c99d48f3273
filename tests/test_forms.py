"""Dataclasses out of YAML and back."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import forms
from pipeline.forms import FormError, Mistake


@dataclass(frozen=True)
class Index:
    """Where candidates are looked up."""

    bands: int = 20
    rows: int = 10


@dataclass(frozen=True)
class NearDuplicates:
    """Pages that share most shingles (Broder 1997)."""

    threshold: float
    bands: int = 20
    prefer: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    mode: Literal["fast", "exact"] = "fast"
    label: str | None = None
    quick: bool = False
    index: Index = Index()
    more: tuple[Index, ...] = ()
    named: Mapping[str, Index] = field(default_factory=dict)
    spare: Index | None = None
    size: int | str = 1

    version = 1

    def __post_init__(self) -> None:
        if self.threshold > 1:
            raise ValueError(f"threshold {self.threshold} is above 1")


def build(text: str) -> NearDuplicates:
    return forms.build(NearDuplicates, forms.load(text, "recipe.yaml"))


def mistakes(text: str) -> list[str]:
    with pytest.raises(FormError) as caught:
        build(text)
    return caught.value.lines


def value(text: str) -> object:
    return forms.load(text, "f.yaml").value


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("true", True),
        ("false", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("True", "True"),
        ("null", None),
        ("~", None),
        ("NULL", "NULL"),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1_000", 1000),
        ("0x1F", "0x1F"),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        ("1.5E+2", 150.0),
        (".inf", float("inf")),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("2024-01-31", "2024-01-31"),
        ("64M", "64M"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("繁體", "繁體"),
        ("=", "="),
    ],
)
def test_an_unquoted_word_means_what_it_looks_like(word, meant):
    found = value(f"a: {word}")["a"]
    assert (found, type(found)) == (meant, type(meant))


def test_a_key_is_text_however_it_looks():
    assert value("{no: 1, 2020: 2, null: 3, true: 4, 012: 5, <<: 6}") == {
        "no": 1,
        "2020": 2,
        "null": 3,
        "true": 4,
        "012": 5,
        "<<": 6,
    }


def test_every_part_knows_its_line():
    form = forms.load("a:\n  - 1\n  - {x: 2,\n     y: 3}\nb: |\n  long\n", "f.yaml")
    assert [form["a"].line, form["a"][1].line, form["a"][1]["y"].line, form["b"].line] == [1, 3, 4, 5]
    assert [part.value for part in form["a"]] == [1, {"x": 2, "y": 3}]


def test_nothing_but_comments_is_null():
    assert value("# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3: 'a' stands twice, first on line 1; keep one"),
        ("a: 1\nb: {c: 1, c: 2}", "f.yaml:2: 'c' stands twice, first on line 2; keep one"),
        ("a: &x 1\n", "f.yaml:1: anchor '&x' is not read here; take it away"),
        ("a: 1\n---\nb: 2", "f.yaml:2: a second document begins here; keep one to a file"),
        ("a: !own x", "f.yaml:1: tag '!own' is not read here; write the plain value"),
        ("\na: 012", "f.yaml:2: 012 begins with 0; write the number without it, or '012' for the text"),
        ("? [a, b]\n: 1", "f.yaml:1: a key must be a word, not a list or mapping"),
        ("a: 1\nb: \x00", "f.yaml:2: not YAML: control characters are not allowed"),
        ("a: 1\n\tb: 2", "f.yaml:2: not YAML: found a tab character that violates indentation (while scanning a plain scalar)"),
    ],
)  # fmt: skip
def test_yaml_that_is_no_form_is_refused_at_its_line(text, said):
    with pytest.raises(FormError) as caught:
        forms.load(text, "f.yaml")
    assert str(caught.value) == said


def test_an_alias_is_refused_beside_its_anchor():
    with pytest.raises(FormError) as caught:
        forms.load("a: &x 1\nb: *x\n", "f.yaml")
    assert caught.value.lines[1] == "f.yaml:2: alias '*x' is not read here; write its value out"


def test_a_form_becomes_a_dataclass_with_its_own_types():
    text = """
threshold: 1
prefer: [books, 網路]
weights: {books: 2}
label: null
index: {bands: 5}
more: [{rows: 1}, {rows: 2}]
named: {a: {bands: 7}}
spare: {rows: 9}
"""
    made = build(text)
    assert made == NearDuplicates(
        threshold=1.0,
        prefer=("books", "網路"),
        weights={"books": 2.0},
        index=Index(bands=5),
        more=(Index(rows=1), Index(rows=2)),
        named={"a": Index(bands=7)},
        spare=Index(rows=9),
    )
    assert type(made.threshold) is float


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threshold: 1\nband: 3", "2: near_duplicates: unknown field 'band'; did you mean 'bands'?"),
        ("bands: 3", "1: near_duplicates: field 'threshold' is missing; add it"),
        ("threshold: 1\nbands: '5'", "2: near_duplicates: bands must be a whole number, not '5'"),
        ("threshold: 1\nbands: true", "2: near_duplicates: bands must be a whole number, not true"),
        ("threshold: 1\nbands: 5.0", "2: near_duplicates: bands must be a whole number, not 5.0"),
        ("threshold: false", "1: near_duplicates: threshold must be a number, not false"),
        ("threshold: 1\nquick: yes", "2: near_duplicates: quick must be true or false, not 'yes'"),
        ("threshold: 1\nlabel: 3", "2: near_duplicates: label must be a string, not 3"),
        ("threshold: 1\nprefer: books", "2: near_duplicates: prefer must be a list, not 'books'"),
        ("threshold: 1\nprefer:\n- a\n- 5", "4: near_duplicates: prefer[1] must be a string, not 5"),
        ("threshold: 1\nweights: [1]", "2: near_duplicates: weights must be a mapping, not [1]"),
        ("threshold: 1\nweights:\n  a: x", "3: near_duplicates: weights.a must be a number, not 'x'"),
        ("threshold: 1\nmode: slow", "2: near_duplicates: mode must be 'fast' or 'exact', not 'slow'"),
        ("threshold: 1\nsize: 1.5", "2: near_duplicates: size must be a whole number or a string, not 1.5"),
        ("threshold: 1\nindex:\n  row: 1", "3: near_duplicates.index: unknown field 'row'; did you mean 'rows'?"),
        ("threshold: 1\nindex: null", "2: near_duplicates.index: must be a mapping of fields, not null"),
        ("threshold: 1\nmore:\n- rows: x", "3: near_duplicates.more[0]: rows must be a whole number, not 'x'"),
        ("threshold: 1\nindex: {zebra: 2}", "2: near_duplicates.index: unknown field 'zebra'; known are bands, rows"),
        ("\nthreshold: 1.5", "2: near_duplicates: threshold 1.5 is above 1"),
        ("[1, 2]", "1: near_duplicates: must be a mapping of fields, not [1, 2]"),
    ],
)  # fmt: skip
def test_a_mistake_names_place_value_and_cure(text, said):
    assert mistakes(text) == [f"recipe.yaml:{said}"]


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines():
    assert mistakes("more: [{row: 1}, {rows: x}]\nquick: 1\nband: 2\nindex: {rows: y}") == [
        "recipe.yaml:1: near_duplicates: field 'threshold' is missing; add it",
        "recipe.yaml:1: near_duplicates.more[0]: unknown field 'row'; did you mean 'rows'?",
        "recipe.yaml:1: near_duplicates.more[1]: rows must be a whole number, not 'x'",
        "recipe.yaml:2: near_duplicates: quick must be true or false, not 1",
        "recipe.yaml:3: near_duplicates: unknown field 'band'; did you mean 'bands'?",
        "recipe.yaml:4: near_duplicates.index: rows must be a whole number, not 'y'",
    ]


def test_an_error_carries_its_first_place_and_survives_pickling():
    error = FormError([Mistake("b.yaml", 7, "late"), Mistake("b.yaml", 3, "early")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.file, again.line, again.message, str(again)) == (
        "b.yaml", 3, "early", "b.yaml:3: early\nb.yaml:7: late",
    )  # fmt: skip


def test_dump_leaves_out_what_a_field_would_be_anyway():
    thing = NearDuplicates(threshold=0.5, prefer=("a",), index=Index(rows=3), quick=True)
    assert forms.dump(thing) == {"threshold": 0.5, "prefer": ["a"], "quick": True, "index": {"rows": 3}}


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "no",
        "1e3",
        "012",
        "1_0",
        "~",
        "null",
        "true",
        "2024-01-31",
        "<<",
        "=",
        ".inf",
        "繁體",
        "a\nb",
        "🙂",
        "\ufeff",
    ]
)
things = st.builds(
    NearDuplicates,
    threshold=st.floats(max_value=1, allow_nan=False),
    bands=st.integers(),
    prefer=st.lists(words, max_size=3).map(tuple),
    weights=st.dictionaries(words, st.floats(allow_nan=False), max_size=3),
    mode=st.sampled_from(["fast", "exact"]),
    label=st.none() | words,
    index=st.builds(Index, bands=st.integers()),
    more=st.lists(st.builds(Index, rows=st.integers()), max_size=2).map(tuple),
    spare=st.none() | st.builds(Index),
    size=st.integers() | words,
)


@given(things)
def test_what_is_dumped_and_written_is_built_again(thing):
    assert build(forms.write(forms.dump(thing))) == thing


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_one_line_is_one_line_and_stands_for_its_value(thing):
    line = forms.write(thing, one_line=True)
    assert "\n" not in line
    assert value(f"a: {line}  # said\n") == {"a": thing}


def test_the_schema_accepts_and_refuses_what_build_does():
    schema = forms.schema(NearDuplicates)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"threshold": 0.5, "index": {"rows": 3}, "label": None}, schema)
    for wrong in (
        {},
        {"threshold": 0.5, "band": 3},
        {"threshold": "x"},
        {"threshold": 1, "index": {"row": 3}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_schema_describes_by_docstrings():
    schema = forms.schema(NearDuplicates)
    assert schema["description"] == "Pages that share most shingles (Broder 1997)."
    assert schema["$defs"]["Index"]["description"] == "Where candidates are looked up."


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("7", 7),
        ("64k", 64_000),
        ("1.5T", 1_500_000_000_000),
        ("25 B", 25 * 10**9),
        ("2G", 2 * 10**9),
        ("16MiB", 1 << 24),
    ],
)
def test_a_count_is_read_as_people_write_it(word, meant):
    assert forms.read(forms.Count, forms.load(f"n: {word}", "f.yaml")["n"], "", "n") == meant


@pytest.mark.parametrize("word", ["4Q", "1.0001k", "-2M", "M"])
def test_a_word_that_is_no_count_is_refused(word):
    with pytest.raises(
        FormError, match=f"f.yaml:1: n: '{word}' is no count; write it like 64000000, 64M, 1.5T or 16MiB"
    ):
        forms.read(forms.Count, forms.load(f"n: {word}", "f.yaml")["n"], "", "n")


def test_snake_case_keeps_abbreviations_together():
    assert [forms.snake_case(name) for name in ("GopherQuality", "PIIScrub", "C4", "Sample")] == [
        "gopher_quality",
        "pii_scrub",
        "c4",
        "sample",
    ]
