"""YAML → Recipe → YAML, without loss."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from os import PathLike, fspath
from os.path import abspath, dirname
from typing import Any, TypeVar, cast

from pipeline import forms
from pipeline.forms import Form, FormError, Mistakes
from pipeline.recipe.objects import (
    BESIDE,
    NAMES,
    STAGES,
    Input,
    Output,
    Recipe,
    Stage,
    address,
    contradictions,
    default_name,
    limits,
    stage_class,
)

T = TypeVar("T")


def load(path: str | PathLike[str]) -> Recipe:
    """The recipe in a YAML file. Raises FormError with the line of every mistake."""
    return read_form(open_form(path))


def parse(text: str, file: str = "recipe.yaml") -> Recipe:
    """The recipe in a text; `file` is its name in messages, and its folder is where `use:` finds modules."""
    return read_form(forms.load(text, file))


def shipped() -> dict[str, str]:
    """The recipes that ship, by name: YAML with the reasons for its order and limits."""
    folder = files("pipeline.recipe") / "shipped"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".yaml")), key=lambda one: one.name)
    return {one.name.removesuffix(".yaml"): one.read_text("utf-8") for one in found}


def open_form(path: str | PathLike[str]) -> Form:
    """What stands in a YAML file, with its lines."""
    name = fspath(path)
    with open(name, encoding="utf-8-sig") as file:
        try:
            return forms.load(file.read(), name)
        except UnicodeDecodeError as error:
            raise FormError([forms.Mistake(name, 1, f"not UTF-8: {error.reason}")]) from error


def read_form(form: Form) -> Recipe:
    """The recipe that a form describes. Raises FormError with all its mistakes."""
    mistakes, output = Mistakes(), None
    with mistakes.gather():
        forms.check_fields(Recipe, form, "recipe")
    if not isinstance(form.value, dict):
        mistakes.stop()
    inputs = _each(form, "inputs", lambda part: forms.build(Input, part), mistakes)
    stages = _each(form, "stages", _stage, mistakes)
    with mistakes.gather():
        output = forms.build(Output, form["output"]) if "output" in form.value else None
    for path, message in contradictions(inputs, stages):
        mistakes.append(forms.Mistake(form.file, form.lines[path], message))
    mistakes.stop()
    return Recipe(cast("list[Input]", inputs), stages, cast(Output, output))


def _each(form: Form, name: str, make: Callable[[Form], T], mistakes: Mistakes) -> list[T | None]:
    """What `make` makes of each part of a list; None where it has mistakes."""
    parts = form.value.get(name, "")
    if not isinstance(parts, list):
        if name in form.value:
            mistakes.append(form[name].mistake(f"{name}: must be a list; write [] for an empty one"))
        return [None]
    found: list[T | None] = [None] * len(parts)
    for index, part in enumerate(form[name]):
        with mistakes.gather():
            found[index] = make(part)
    return found


def _stage(form: Form) -> Stage:
    what, place, own = written(form)
    mistakes, rule, placing = Mistakes(), None, dict[str, Any]()
    with own.blame(what):
        kind = stage_class(place)
    with mistakes.gather():
        rule = forms.build(kind, own, what, beside=(*BESIDE, "use") if own is form else BESIDE)
    with mistakes.gather():
        placing = _placing(own, what)
    mistakes.stop()
    with own.blame(what):
        return Stage(rule, **placing)


def _placing(own: Form, what: str) -> dict[str, Any]:
    """The `where` and `name` that stand among a stage's fields."""
    placing: dict[str, Any] = {}
    if isinstance(own.value, dict) and "name" in own.value:
        placing["name"] = forms.read(str, own["name"], what, "name")
    if isinstance(own.value, dict) and "where" in own.value:
        with own["where"].blame(what):
            placing["where"] = limits(forms.read(Mapping[str, Any], own["where"], what, "where"))
    return placing


def written(form: Form) -> tuple[str, str, Form]:
    """A stage's name in messages, the place of its class and its fields: from `name`, {name: fields} or {use: …}."""
    value = form.value
    if isinstance(value, str):
        return value, _shipped(value, form), replace(form, value={})
    if isinstance(value, dict) and "use" in value:
        place = forms.read(str, form["use"], "stage", "use")
        folder = abspath(dirname(form.file))
        if folder not in sys.path:
            sys.path.append(folder)  # at the end: a module beside the recipe never hides an installed one
        return forms.snake_case(place.rpartition(":")[2]), place, form
    if isinstance(value, dict) and len(value) == 1:
        (own,) = form
        name = str(own.path[-1])
        return name, _shipped(name, own), replace(own, value={}) if own.value is None else own
    cure = "a stage is its name, its name with fields indented below it, or use: package.module:Class"
    raise FormError([form.mistake(f"stages: {forms.write(value, one_line=True)} is no stage; {cure}")])


def _shipped(name: str, form: Form) -> str:
    if name not in STAGES:
        raise FormError([form.mistake(f"stages: unknown stage '{name}'; {forms.suggest(name, STAGES)}")])
    return STAGES[name]


def dumps(recipe: Recipe) -> str:
    """YAML from which `parse` makes an equal recipe; what is a default is left out.

    Raises ValueError for a stage whose class cannot be imported by its name.
    """
    stages = [_stage_value(stage) for stage in recipe.stages]
    inputs = [forms.dump(one) for one in recipe.inputs]
    return forms.write({"inputs": inputs, "stages": stages, "output": forms.dump(recipe.output)})


def _stage_value(stage: Stage) -> Any:
    """A stage as it is written: its name, {name: fields} or {use: …, fields}."""
    kind = type(stage.rule)
    values = forms.dump(stage.rule)
    values |= {"where": forms.plain(stage.where)} if stage.where else {}
    values |= {"name": stage.name} if stage.name != default_name(kind) else {}
    if name := NAMES.get(address(kind)):
        return {name: values} if values else name
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise ValueError(
            f"{address(kind)} cannot be imported by others; move the class to the top of a module"
        )
    return {"use": address(kind), **values}
