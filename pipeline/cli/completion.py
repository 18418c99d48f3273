"""`winnow completion SHELL`: the script that makes a shell complete our commands."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
      bash:  winnow completion bash >> ~/.bashrc
      zsh:   winnow completion zsh >> ~/.zshrc
      fish:  winnow completion fish > ~/.config/fish/completions/winnow.fish
    """
    from pipeline.cli import main

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(main, {}, "winnow", "_WINNOW_COMPLETE").source())
