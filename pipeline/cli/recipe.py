"""`winnow recipe …`: look at a recipe before it runs."""

import json

import click


@click.group()
def recipe() -> None:
    """Print a recipe to begin with, one with every default, or the schema that editors complete from.

    \b
      winnow recipe print                             what ships
      winnow recipe print web-zh-en > recipe.yaml     one of them, to make it yours
    """


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


@recipe.command(name="print")
@click.argument("name", required=False)
def print_(name: str | None) -> None:
    """Print the shipped recipe NAME with the reasons for its order and limits; without a NAME, which there are."""
    from pipeline.cli import fail
    from pipeline.forms import suggest
    from pipeline.recipe import shipped

    known = shipped()
    if name is None:
        for one, text in known.items():
            click.echo(f"{one:<18} {text.partition(chr(10))[0].removeprefix('# ')}")
    elif name in known:
        click.echo(known[name], nl=False)
    else:
        fail(f"no recipe {name!r}; {suggest(name, known)}")


@recipe.command()
def schema() -> None:
    """Print the JSON Schema of recipes."""
    from pipeline import recipe as recipes

    click.echo(json.dumps(recipes.json_schema(), indent=1, ensure_ascii=False))
