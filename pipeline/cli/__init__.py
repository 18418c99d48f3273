"""The command `winnow`: one thin file per subcommand, imported when it is called or listed."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

COMMANDS = {  # name → module below pipeline.cli; the function has the command's name, with _ for -
    "run": "run",
    "why": "why",
    "where": "where",
    "account": "account",
    "recipe": "recipe",
    "manifest": "manifest",
    "inspect": "inspect",
    "duplicates": "duplicates",
    "report": "report",
    "diff": "diff",
    "export": "export",
    "takedown": "takedown",
    "clean": "clean",
    "flink": "flink",
    "mix": "mix",
    "synth": "synth",
    "demo": "demo",
    "completion": "completion",
}


class Out(click.Path):
    """A run's folder: on this machine, where it must exist, or below a bucket's URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        url = isinstance(value, str) and value.startswith(("s3://", "gs://"))
        return value if url else super().convert(value, param, ctx)


OUT = Out(exists=True, file_okay=False)


class Lazy(click.Group):
    """A group whose commands are modules."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pipeline.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name near commands when one is misspelt."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="winnow", message="winnow %(version)s")
def main() -> None:
    """Curate training data: raw shards in, packed shards out, and every document's fate on record.

    \b
      winnow demo                 see it work, on text from this machine
      winnow run recipe.yaml      do what the recipe says, and only what is missing
      winnow why ID --in OUT      why one document is in or out
      winnow account OUT          recount everything from the bytes
    """


def fail(message: object, code: int = 2) -> NoReturn:
    """Say what is wrong, and end: 2 for what the user can cure, 1 for what a run or a check found."""
    for line in str(message).splitlines():
        click.secho(line, fg="red", err=True)
    sys.exit(code)


EXTRAS = {"torch": "models"}  # of modules that stand in an extra of their own


@contextmanager
def curable(extra: str) -> Iterator[None]:
    """Say what the user can cure, and end; `extra` of the installation holds what may be missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        fail(f"needs {error.name}: pip install 'winnow[{EXTRAS.get(error.name or '', extra)}]'")
    except (ValueError, OSError) as error:
        fail(error)
