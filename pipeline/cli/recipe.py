"""`winnow recipe …`: look at a recipe before it runs."""

import json

import click


@click.group()
def recipe() -> None:
    """Show a recipe with every default, or the schema that editors complete from."""


@recipe.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False), metavar="RECIPE")
def show(path: str) -> None:
    """Print the resolved RECIPE: every field, and where each comes from."""
    from pipeline import recipe as recipes
    from pipeline.cli import fail
    from pipeline.forms import FormError

    try:
        click.echo(recipes.show(path))
    except FormError as error:
        fail(error)


@recipe.command()
def schema() -> None:
    """Print the JSON Schema of recipes."""
    from pipeline import recipe as recipes

    click.echo(json.dumps(recipes.json_schema(), indent=1, ensure_ascii=False))
