"""The resolved recipe: every field, and where each comes from."""

from dataclasses import fields
from inspect import getdoc
from os import PathLike
from os.path import basename
from typing import Any

from pipeline import forms
from pipeline.forms import Form
from pipeline.recipe.objects import NAMES, Recipe, Stage, address
from pipeline.recipe.text import open_form, read_form, written

Row = tuple[str, str]  # a line of YAML and what is said of it


def show(recipe: Recipe | str | PathLike[str]) -> str:
    """A recipe, or the one in a file, with every field and where it comes from; itself YAML of the same recipe."""
    if isinstance(recipe, Recipe):
        return _show(recipe, None)
    form = open_form(recipe)
    return _show(read_form(form), form)


def _show(recipe: Recipe, form: Form | None) -> str:
    rows: list[Row] = [("inputs:", "")]
    for index, one in enumerate(recipe.inputs):
        rows += _indented("  - ", _rows(one, form and form["inputs"][index]))
    rows.append(("stages:" if recipe.stages else "stages: []", ""))
    for index, stage in enumerate(recipe.stages):
        rows += _stage_rows(stage, form and form["stages"][index])
    rows += [("output:", ""), *_indented("  ", _rows(recipe.output, form and form["output"]))]
    width = min(48, max(len(line) for line, _ in rows))
    return "".join(f"{line:<{width}}  # {said}\n" if said else f"{line}\n" for line, said in rows)


def _rows(thing: Any, form: Form | None) -> list[Row]:
    """Every field of a dataclass on a line; `form`: as it was written, None for one made in Python."""
    given = forms.dump(thing) if form is None else form.value
    rows = []
    for name in [one.name for one in fields(thing) if one.init]:
        origin = _origin(form[name]) if form and name in given else "set in Python"
        value = forms.write(forms.plain(getattr(thing, name)), one_line=True)
        rows.append((f"{name}: {value}", origin if name in given else "default"))
    return rows


def _origin(form: Form) -> str:
    return f"{basename(form.file)}:{form.line}"


def _stage_rows(stage: Stage, form: Form | None) -> list[Row]:
    """The head of a stage, which says what its class says of itself, and its fields."""
    kind = type(stage.rule)
    own = written(form)[2] if form else None
    rows = [*_rows(stage.rule, own), *_rows(stage, own)[1:]]  # without the rule itself
    about = ": ".join(filter(None, [_origin(form) if form else "", summary(kind)]))
    if name := NAMES.get(address(kind)):
        return _indented("  - ", [(f"{name}:", about), *_indented("  ", rows)])
    return _indented("  - ", [(f"use: {address(kind)}", about), *rows])


def _indented(start: str, rows: list[Row]) -> list[Row]:
    """The first row after `start`, the others below it."""
    below = " " * len(start)
    return [((below if index else start) + line, said) for index, (line, said) in enumerate(rows)]


def summary(kind: type) -> str:
    """The first line of a class's docstring; empty where only dataclass() wrote one."""
    said = (getdoc(kind) or "").partition("\n")[0]
    return "" if said.startswith(f"{kind.__name__}(") else said
