"""Recipes: made in Python, read from YAML, written again, shown, described."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline import recipe as recipes
from pipeline.comparisons.exact import ExactDuplicates
from pipeline.recipe import STAGES, Input, Output, Recipe, RecipeError, Stage
from pipeline.recipe.objects import default_name, stage_class
from pipeline.rules.gopher import GopherQuality
from pipeline.rules.sample import Sample

EXAMPLE = """\
inputs:
  - {source: web-zh, path: raw/web-zh/*.jsonl.zst, text: content, columns: {licence: string}}
  - {source: books,  path: raw/books/}
stages:
  - refinedweb_lines
  - gopher_quality: {where: {source: books}}
  - chinese_quality: {where: {source: web-zh}}
  - exact_duplicates
  - sample: {epochs: {books: 1.5}}
output: {path: out, tokenizer: tokenizer.json, pack_tokens: 4096}
"""


@dataclass(frozen=True)
class KeepShort:
    """Drop what is long (a rule of this test)."""

    most: int = 10
    share: float = 0.5
    sources: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    label: str | None = None

    version = 3
    reasons = ("too_long",)

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"most {self.most} must be 1 or more")

    def __call__(self, seen: object) -> object:
        return seen


@dataclass(frozen=True)
class NoVersion:
    def __call__(self, seen: object) -> object:
        return seen


@dataclass(frozen=True)
class NoShape:
    version = 1


@dataclass(frozen=True)
class OwnName:
    name: str = ""
    version = 1

    def __call__(self, seen: object) -> object:
        return seen


HERE = KeepShort.__module__
NO_STAGE = (
    "is no stage; a stage is its name, its name with fields indented below it, or use: package.module:Class"
)
NO_MODULE = "(No module named 'no_such_module'); the module must lie beside the recipe, on PYTHONPATH, or be installed"


def with_stages(*lines: str) -> str:
    """A recipe whose stages begin on line 3."""
    stages = "".join(f"  {line}\n" for line in lines)
    return (
        f"inputs: [{{source: web, path: raw}}]\nstages:\n{stages}output: {{path: out, tokenizer: t.json}}\n"
    )


def mistakes(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        recipes.parse(text)
    return caught.value.lines


def small(*stages: object, inputs: tuple[Input, ...] = (Input("web", "raw"),)) -> Recipe:
    return Recipe(inputs=inputs, stages=stages, output=Output("out", "t.json"))


def test_the_example_becomes_the_objects_it_describes():
    found = recipes.parse(EXAMPLE)
    assert found.inputs == (
        Input(source="web-zh", path="raw/web-zh/*.jsonl.zst", text="content", columns={"licence": "string"}),
        Input(source="books", path="raw/books/", name="books"),
    )
    assert [stage.name for stage in found.stages] == [name for name in STAGES if name in EXAMPLE]
    assert found.stages[1] == Stage(GopherQuality(), where={"source": "books"})
    assert found.stages[4].rule == Sample({"books": 1.5})
    assert found.output == Output(path="out", tokenizer="tokenizer.json")


def test_python_wraps_bare_rules_and_fills_names():
    found = small(GopherQuality(min_words=5), Stage(KeepShort(), name="短"), ExactDuplicates())
    assert [(type(stage), stage.name) for stage in found.stages] == [
        (Stage, "gopher_quality"),
        (Stage, "短"),
        (Stage, "exact_duplicates"),
    ]
    assert Stage(KeepShort()).name == "keep_short"
    assert found.inputs[0].name == "web"
    assert found.output.pad_token == "<|endoftext|>"


def test_every_way_to_write_a_stage():
    found = recipes.parse(
        with_stages(
            "- exact_duplicates",
            "- gopher_quality:",
            f"- use: {HERE}:KeepShort",
            "  most: 3",
            "  where: {language: [zh, en], words: {min: 3, max: 9.5}, ok: true}",
            f"- {{use: {HERE}:KeepShort, name: 繁體, sources: [書]}}",
        )
    )
    assert [stage.rule for stage in found.stages] == [
        ExactDuplicates(),
        GopherQuality(),
        KeepShort(most=3),
        KeepShort(sources=("書",)),
    ]
    assert found.stages[2].where == {"language": ("zh", "en"), "words": {"min": 3, "max": 9.5}, "ok": True}
    assert found.stages[3].name == "繁體"


def test_counts_may_be_written_with_their_unit():
    text = "inputs: [{source: a, path: b, max_bytes: 2MiB}]\nstages: []\noutput: {path: o, tokenizer: t, pool_tokens: 4M}"
    found = recipes.parse(text)
    assert (found.inputs[0].max_bytes, found.output.pool_tokens) == (2 << 20, 4_000_000)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["- gopher_qualty"], "3: stages: unknown stage 'gopher_qualty'; did you mean 'gopher_quality'?"),
        (["- zzz: {a: 1}"], f"3: stages: unknown stage 'zzz'; known are {', '.join(STAGES)}"),
        (["- gopher_quality:", "    min_word: 3"], "4: gopher_quality: unknown field 'min_word'; did you mean 'min_words'?"),
        (["- gopher_quality: {wher: {a: 1}}"], "3: gopher_quality: unknown field 'wher'; did you mean 'where'?"),
        (["- gopher_quality: {min_words: '5'}"], "3: gopher_quality: min_words must be a whole number, not '5'"),
        (["- gopher_quality: 5"], "3: gopher_quality: must be a mapping of fields, not 5"),
        (["- gopher_quality:", "    max_words: 10"], "3: gopher_quality: min_words 50 is above max_words 10"),
        (["- gopher_quality:", "  min_words: 3"], f"3: stages: {{gopher_quality: null, min_words: 3}} {NO_STAGE}"),
        (["- 5"], f"3: stages: 5 {NO_STAGE}"),
        (["- exact_duplicates: {prefer: books}"], "3: exact_duplicates: prefer must be a list, not 'books'"),
        (["- exact_duplicates: {prefer: [a, a]}"], "3: exact_duplicates: prefer names a source twice: a, a"),
        (["- sample: {epochs: {a: viel}}"], "3: sample: epochs.a must be a number, not 'viel'"),
        (["- exact_duplicates: {name: 5}"], "3: exact_duplicates: name must be a string, not 5"),
        (["- exact_duplicates:", "    where: zh"], "4: exact_duplicates: where must be a mapping, not 'zh'"),
        (["- exact_duplicates:", "    where: {a: null}"],
         "4: exact_duplicates: where: a: must be a value, a list of values or {min, max}, not None"),
        (["- exact_duplicates:", "    where: {a: []}"],
         "4: exact_duplicates: where: a: must be a value, a list of values or {min, max}, not ()"),
        (["- exact_duplicates:", "    where: {a: [1, x]}"],
         "4: exact_duplicates: where: a: 1, 'x' are of several types; keep to one"),
        (["- exact_duplicates:", "    where: {a: {least: 3}}"],
         "4: exact_duplicates: where: a: a range has min, max or both, not least"),
        (["- exact_duplicates:", "    where: {a: {}}"],
         "4: exact_duplicates: where: a: a range has min, max or both, not nothing"),
        (["- exact_duplicates:", "    where: {a: {min: 3, max: 2}}"], "4: exact_duplicates: where: a: min 3 is above max 2"),
        (["- exact_duplicates", "- exact_duplicates"],
         "4: exact_duplicates: two stages have this name; give one of them a `name:`"),
        (["- sample", "- exact_duplicates"], "3: sample: gives copies and must stand last; move it to the end"),
        (["- sample", "- sample: {name: again}"], "4: again: is the second stage that gives copies; keep one"),
        (["- exact_duplicates: {where: {source: [web, wbe]}}"],
         "3: exact_duplicates: no input has source 'wbe'; did you mean 'web'?"),
        (["- exact_duplicates: {prefer: [books]}"], "3: exact_duplicates: no input has source 'books'; known are web"),
        (["- sample: {epochs: {books: 2}}"], "3: sample: no input has source 'books'; known are web"),
        ([f"- use: {HERE}:Nobody"], f"3: nobody: use: {HERE} has no Nobody (module {HERE!r} has no attribute 'Nobody')"),
        (["- use: KeepShort"], "3: keep_short: use: 'KeepShort' is no place of a class; write package.module:Class"),
        (["- use: 5"], "3: stage: use must be a string, not 5"),
        (["- use: no_such_module:Thing"], f"3: thing: use: cannot find no_such_module:Thing {NO_MODULE}"),
        ([f"- use: {HERE}:HERE"], f"3: here: use: {HERE}:HERE is no dataclass; write @dataclass(frozen=True) above the class"),
        ([f"- use: {HERE}:NoVersion"], "3: no_version: NoVersion states no version; write `version = 1` into the class"),
        ([f"- use: {HERE}:NoShape"], "3: no_shape: NoShape is no stage; it has neither __call__ nor nominate nor copies"),
        ([f"- use: {HERE}:OwnName"], "3: own_name: OwnName has a field 'name', which every stage has; rename it"),
        ([f"- use: {HERE}:KeepShort", "  most: 0"], "3: keep_short: most 0 must be 1 or more"),
        ([f"- use: {HERE}:KeepShort", "  mots: 3"], "4: keep_short: unknown field 'mots'; did you mean 'most'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_stage_is_told_at_its_line(lines, said):
    assert mistakes(with_stages(*lines)) == [f"recipe.yaml:{said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: recipe: must be a mapping of fields, not null"),
        ("[a]", "1: recipe: must be a mapping of fields, not [a]"),
        ("inputs: []\nstages: []\noutput: {path: o, tokenizer: t}", "1: inputs: is empty; a recipe needs one or more"),
        ("stages: []\ninputs: {source: a, path: b}\noutput: {path: o, tokenizer: t}",
         "2: inputs: must be a list; write [] for an empty one"),
        ("inputs:\n- source: a\n- {source: b, path: c}\nstages: []\noutput: {path: o, tokenizer: t}",
         "2: input: field 'path' is missing; add it"),
        ("inputs:\n- {source: a, path: b}\n- {source: a, path: c}\nstages: []\noutput: {path: o, tokenizer: t}",
         "3: a: two inputs have this name; give one of them a `name:`"),
        ("inputs:\n- source: a\n  path: b\n  columns:\n    stars: int\nstages: []\noutput: {path: o, tokenizer: t}",
         "5: input: columns.stars must be 'string', 'int32', 'int64', 'float32', 'float64' or 'bool', not 'int'"),
        ("inputs: [{source: a, path: b, format: csv}]\nstages: []\noutput: {path: o, tokenizer: t}",
         "1: input: format must be 'auto', 'jsonl', 'text', 'parquet', 'warc', 'html', 'markdown' or 'code', not 'csv'"),
        ("inputs: [{source: a, path: b, max_bytes: 17MiB}]\nstages: []\noutput: {path: o, tokenizer: t}",
         "1: input: max_bytes 17825792 must be from 1 to 16777216 (16MiB, one batch)"),
        ("inputs: [{source: '', path: b}]\nstages: []\noutput: {path: o, tokenizer: t}", "1: input: source is empty"),
        ("inputs: [{source: a, path: b}]\nstages: []\noutput:\n  path: o\n  tokenizer: t\n  pool_tokens: 4Q",
         "6: output: pool_tokens: '4Q' is no count; write it like 64000000, 64M, 1.5T or 16MiB"),
        ("inputs: [{source: a, path: b}]\nstages: []\noutput:\n  path: o\n  tokenizer: t\n  pool_tokens: 4k",
         "3: output: pool_tokens 4000 is below pack_tokens 4096"),
        ("inputs: [{source: a, path: b}]\nstages: []\noutput: {path: o, tokenizer: t, pack_tokens: 1}",
         "3: output: pack_tokens 1 must be 16 or more"),
        ("inputs: [{source: a, path: b}]\nstages: []\noutput: {path: o, tokenizer: t, seed: -1}",
         "3: output: seed -1 must be from 0 to 2^63 - 1"),
    ],
)  # fmt: skip
def test_a_mistake_beside_the_stages_is_told_at_its_line(text, said):
    assert mistakes(text) == [f"recipe.yaml:{said}"]


def test_all_mistakes_of_a_file_are_told_at_once():
    text = """\
inputs:
  - {source: web, paht: raw}
stages:
  - gopher_quality: {min_words: x, where: {a: []}}
  - sample
  - sampel
outputs: {}
"""
    assert [line.partition(": ")[0] for line in mistakes(text)] == [
        f"recipe.yaml:{line}" for line in (1, 2, 2, 4, 4, 5, 6, 7)
    ]


def test_python_refuses_what_yaml_does():
    for wrong, said in (
        (lambda: small(KeepShort(), KeepShort(most=3)), "two stages have this name"),
        (lambda: small(Sample(), KeepShort()), "must stand last"),
        (lambda: small(inputs=()), "inputs: is empty"),
        (lambda: small(KeepShort), "is no stage; a stage is an object of a frozen dataclass"),
        (lambda: small("gopher_quality"), "is no stage"),
        (lambda: Stage(KeepShort(), where={"a": {"min": "x", "max": 3}}), "of several types"),
    ):
        with pytest.raises(ValueError, match=said):
            wrong()


def test_use_finds_a_module_beside_the_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_this_recipe.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Odd:\n    version = 1\n"
        "    def __call__(self, seen): return seen\n"
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(with_stages("- use: beside_this_recipe:Odd"), encoding="utf-8")
    assert recipes.load(path).stages[0].name == "odd"
    assert sys.path[-1] == str(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes("inputs: 繁體".encode("big5"))
    with pytest.raises(RecipeError, match=r"recipe.yaml:1: not UTF-8"):
        recipes.load(str(path))


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6) | st.sampled_from(
    ["no", "012", "1e3", "null", "網路", "a: b", "#", "🙂"]
)
numbers = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False)
limits = st.one_of(
    words,
    numbers,
    st.booleans(),
    st.lists(words, min_size=1, max_size=3),
    st.lists(numbers, min_size=1, max_size=3).map(tuple),
    st.tuples(numbers, numbers).map(lambda ends: {"min": min(ends), "max": max(ends)}),
    numbers.map(lambda least: {"min": least}),
)
rules = st.one_of(
    st.builds(
        KeepShort,
        most=st.integers(1, 99),
        share=st.floats(0, 1),
        sources=st.lists(words, max_size=2).map(tuple),
        weights=st.dictionaries(words, st.floats(0, 9), max_size=2),
        label=st.none() | words,
    ),
    st.builds(GopherQuality, min_words=st.integers(0, 99), max_symbol_ratio=st.floats(0, 1)),
    st.builds(ExactDuplicates, prefer=st.sampled_from([(), ("書",)])),
)
stages = st.builds(Stage, rules, where=st.dictionaries(words, limits, max_size=2), name=words | st.just(""))
inputs = st.builds(
    Input,
    source=words,
    path=words,
    name=words | st.just(""),
    format=st.sampled_from(["auto", "jsonl", "text"]),
    columns=st.dictionaries(words, st.sampled_from(["string", "int32", "bool"]), max_size=2),
    max_bytes=st.integers(1, 1 << 24),
)
outputs = st.builds(
    Output,
    path=words,
    tokenizer=words,
    pack_tokens=st.integers(16, 9999),
    pool_tokens=st.integers(10_000, 10**9),
    end_token=words,
    pad_token=st.none() | words,
    seed=st.integers(0, 2**63 - 1),
)
LIBRARY = Input(source="書", path="books", name="the library")
whole = st.builds(
    lambda inputs, stages, last, output: Recipe([*inputs, LIBRARY], [*stages, *last], output),
    st.lists(inputs, min_size=1, max_size=3, unique_by=lambda one: one.name),
    st.lists(stages, max_size=3, unique_by=lambda one: one.name),
    st.sampled_from([[], [Stage(Sample({"書": 0.5}), name="the last of all")]]),
    outputs,
)


@given(whole)
def test_what_is_written_and_what_is_shown_is_the_same_recipe(recipe):
    assert recipes.parse(recipes.dumps(recipe)) == recipe
    assert recipes.parse(recipes.show(recipe)) == recipe


def test_dumps_leaves_defaults_out():
    recipe = small(GopherQuality(), Stage(KeepShort(most=3), where={"licence": ["a", "書"]}))
    assert recipes.dumps(recipe) == (
        "inputs:\n- {source: web, path: raw}\n"
        f"stages:\n- gopher_quality\n- use: {HERE}:KeepShort\n  most: 3\n  where:\n    licence: [a, 書]\n"
        "output: {path: out, tokenizer: t.json}\n"
    )


def test_a_stage_that_others_cannot_import_is_not_written():
    @dataclass(frozen=True)
    class Local(KeepShort):
        pass

    with pytest.raises(
        ValueError, match="cannot be imported by others; move the class to the top of a module"
    ):
        recipes.dumps(small(Local()))


def test_show_says_where_every_field_comes_from(tmp_path):
    path = tmp_path / "recipe.yaml"
    stages = with_stages("- exact_duplicates:", "    prefer: [web]", f"- use: {HERE}:KeepShort", "  most: 3")
    path.write_text(stages, encoding="utf-8")
    assert re.sub(" +# ", " # ", recipes.show(path)) == SHOWN


SHOWN = f"""\
inputs:
  - source: web # recipe.yaml:1
    path: raw # recipe.yaml:1
    name: web # default
    format: auto # default
    text: text # default
    columns: {{}} # default
    max_bytes: 16777216 # default
stages:
  - exact_duplicates: # recipe.yaml:3: {(ExactDuplicates.__doc__ or "").splitlines()[0]}
      prefer: [web] # recipe.yaml:4
      where: {{}} # default
      name: exact_duplicates # default
  - use: {HERE}:KeepShort # recipe.yaml:5: Drop what is long (a rule of this test).
    most: 3 # recipe.yaml:6
    share: 0.5 # default
    sources: [] # default
    weights: {{}} # default
    label: null # default
    where: {{}} # default
    name: keep_short # default
output:
  path: out # recipe.yaml:7
  tokenizer: t.json # recipe.yaml:7
  pack_tokens: 4096 # default
  pool_tokens: 64000000 # default
  end_token: <|endoftext|> # default
  pad_token: <|endoftext|> # default
  seed: 0 # default
  min_long_share: 0.0 # default
"""


def first_line(kind: type) -> str:
    return (kind.__doc__ or "").splitlines()[0]


def test_show_of_an_object_tells_what_was_set():
    shown = recipes.show(small(KeepShort(most=3))).splitlines()
    assert "set in Python" in next(line for line in shown if "most:" in line)
    assert "default" in next(line for line in shown if "share:" in line)


def accepted(text: str) -> bool:
    return jsonschema.Draft202012Validator(recipes.json_schema()).is_valid(yaml.safe_load(text))


def test_the_schema_is_one_and_accepts_the_example():
    jsonschema.Draft202012Validator.check_schema(recipes.json_schema())
    assert accepted(EXAMPLE)
    assert accepted(
        with_stages(f"- use: {HERE}:KeepShort", "  most: 3", "  where: {a: {min: 3}, b: [x], c: true}")
    )


@pytest.mark.parametrize(
    "line",
    [
        "- gopher_qualty",
        "- gopher_quality: {min_word: 3}",
        "- gopher_quality: {min_words: x}",
        "- gopher_quality: {where: {a: {least: 3}}}",
        "- {gopher_quality: {}, min_words: 3}",
        "- use: KeepShort",
    ],
)
def test_the_schema_refuses_what_parse_refuses(line):
    assert not accepted(with_stages(line))
    assert mistakes(with_stages(line))


def test_the_schema_describes_every_stage_by_its_docstring():
    choices = recipes.json_schema()["properties"]["stages"]["items"]["anyOf"]
    said = {choice["const"]: choice["description"].splitlines()[0] for choice in choices if "const" in choice}
    assert said == {name: first_line(stage_class(place)) for name, place in STAGES.items()}


def test_the_table_names_every_shipped_stage_as_its_class_would():
    for name, place in STAGES.items():
        kind = stage_class(place)
        assert default_name(kind) == name
        assert Stage(kind()).rule == kind()


def test_a_rule_that_drops_all_it_speaks_of_needs_a_where():
    with pytest.raises(ValueError, match="drop: needs a `where`, or it would drop everything"):
        Recipe([Input("web", "raw/")], [stage_class(STAGES["drop"])()], Output("out", "tokenizer.json"))


def test_importing_recipes_loads_nothing_heavy():
    heavy = "{'apache_beam', 'numba', 'numpy', 'pyarrow'} & set(sys.modules)"
    code = f"import sys, pipeline.recipe; sys.exit(', '.join({heavy}) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
