"""JSON Schema of a recipe file, from which editors complete and check."""

from inspect import getdoc
from typing import Any

from pipeline import forms
from pipeline.recipe.objects import STAGES, Input, Output, Recipe, stage_class

_SCALAR = {"type": ["string", "number", "boolean"]}
_END = {"type": ["string", "number"]}
_RANGE = {
    "type": "object",
    "properties": {"min": _END, "max": _END},
    "minProperties": 1,
    "additionalProperties": False,
}
_WHERE = {
    "type": "object",
    "description": "column: value, [values] or {min, max}: the rows that the stage speaks of",
    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}, _RANGE]},
}
_BESIDE = {
    "where": {"$ref": "#/$defs/where"},
    "name": {"type": "string", "description": "the stage's name in reports; default: its own"},
}
_USE = {
    "type": "object",
    "description": "A stage of your own, by package.module:Class",
    "properties": {"use": {"type": "string", "pattern": r"^[\w.]+:[\w.]+$"}, **_BESIDE},
    "required": ["use"],
}


def json_schema() -> dict[str, Any]:
    """JSON Schema of a whole recipe file, from which editors complete and check."""
    shared: dict[str, Any] = {"where": _WHERE}
    stages = [choice for name in STAGES for choice in _stage_schemas(name, shared)]
    properties = {
        "inputs": {"type": "array", "minItems": 1, "items": _shared(forms.schema(Input), shared)},
        "stages": {"type": "array", "items": {"anyOf": [*stages, _USE]}},
        "output": _shared(forms.schema(Output), shared),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "winnow recipe",
        "description": getdoc(Recipe),
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
        "$defs": shared,
    }


def _stage_schemas(name: str, shared: dict[str, Any]) -> list[dict[str, Any]]:
    """The two ways to write a shipped stage: its bare name, where it needs no fields, and {name: fields}."""
    own = _shared(forms.schema(stage_class(STAGES[name])), shared)
    own["properties"] = own.get("properties", {}) | _BESIDE
    one_key = {"type": "object", "properties": {name: own}, "required": [name], "additionalProperties": False}
    bare = {"const": name, "description": own.get("description", "")}
    return [one_key] if own.get("required") else [bare, one_key]


def _shared(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """A schema whose definitions were moved to the shared ones, where its references look for them."""
    shared |= schema.pop("$defs", {})
    return schema
