"""A recipe: which inputs, which stages in which order, which output.

The same objects are made in Python, `Recipe(inputs=[…], stages=[…], output=…)`, or read from YAML by `load`.
Whether files exist and columns are known is not decided here but when the run is planned.
"""

from pipeline.forms import FormError as RecipeError
from pipeline.recipe.objects import STAGES, Input, Output, Recipe, Stage
from pipeline.recipe.resolved import show
from pipeline.recipe.schema import json_schema
from pipeline.recipe.text import dumps, load, parse, shipped

__all__ = [
    "STAGES",
    "Input",
    "Output",
    "Recipe",
    "RecipeError",
    "Stage",
    "dumps",
    "json_schema",
    "load",
    "parse",
    "shipped",
    "show",
]
