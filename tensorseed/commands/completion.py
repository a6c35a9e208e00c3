"""Command `tensorseed completion`: names and options by the TAB key."""

from __future__ import annotations

import click

from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, write_out

EXAMPLES = """
$ tensorseed completion bash > ~/.local/share/bash-completion/completions/tensorseed
$ tensorseed completion zsh > ~/.zfunc/_tensorseed      # with ~/.zfunc in fpath, before compinit
$ tensorseed completion fish > ~/.config/fish/completions/tensorseed.fish
$ eval "$(tensorseed completion bash)"                  # for this shell alone
"""
PROGRAM = "tensorseed"


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Write the script that completes commands and options in a shell.

    It is that of click, and asks tensorseed itself what there is.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    with exiting():
        program = ctx.find_root().command
        write_out(kind(program, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source() + "\n")
