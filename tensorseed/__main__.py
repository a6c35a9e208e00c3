"""Command line: `tensorseed`, or `python -m tensorseed`.

A command's module is imported when the command is run, so that help and completion answer at once.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tensorseed.concurrency.interrupts import ending_at_once

with ending_at_once():
    import click

from tensorseed.client import TRACEBACK_VARIABLE
from tensorseed.commands.base import write_lines
from tensorseed.commands.names import COMMANDS, EXAMPLES, known_as
from tensorseed.concurrency.streams import open_missing

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG)  # what a full or broken stream gives


class Commands(click.Group):
    """The commands of `COMMANDS`, those of the service from the package of that name."""

    service: str

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program. SIGINT ends it at once, but for commands that have something to say then.

        An unexpected error is one line, and exit code 1.
        """
        open_missing()
        with ending_at_once():
            try:
                return super().main(*args, **kwargs)
            except Exception as error:
                if os.environ.get(TRACEBACK_VARIABLE) or not kwargs.get("standalone_mode", True):
                    raise
                _fail_as_known(error)
                what = f"{type(error).__name__}: {error}".removesuffix(": ")
                click.echo(f"Error: unexpected {what!a}; {TRACEBACK_VARIABLE}=1 shows where", err=True)
                sys.exit(1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the arguments; an unknown one is answered by its name here.

        Raises:
            click.UsageError: there is no such command.
        """
        name = args[0]
        known = known_as(name) if name not in COMMANDS else None
        if known is not None and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {name!r}. Did you mean {known!r}?", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported.

        Raises:
            click.UsageError: the extra of the command is not installed.
        """
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        try:
            command: click.Command = getattr(import_module(entry.module, self.service), entry.function)
        except ModuleNotFoundError as error:
            raise _missing(error, cmd_name) from error
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, whose own imports may also need its extra."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise _missing(error, ctx.invoked_subcommand or "") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries by section, in full, without importing a command."""
        width = max(map(len, COMMANDS))
        for section, names in groupby(COMMANDS, lambda name: COMMANDS[name].section):
            write_lines(formatter, section, "\n".join(f"{n:{width}}  {COMMANDS[n].summary}" for n in names))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples."""
        write_lines(formatter, "Examples", EXAMPLES)
        write_lines(formatter, "More", "tensorseed COMMAND --help has the options and examples of a command.")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a name without importing a command."""
        from click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name].summary) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


def _fail_as_known(error: Exception) -> None:
    """End the program with the code of an error of the library, or of standard output that takes no help."""
    from tensorseed.client.errors import ClientError
    from tensorseed.commands.exits import fail, unwritable

    if isinstance(error, OSError) and error.filename is None and error.errno in UNWRITABLE:
        error = unwritable(error)
    if isinstance(error, ClientError):
        fail(error.of_command(), error.exit_code)


def _missing(error: ModuleNotFoundError, name: str) -> click.UsageError:
    """What to install for a command. A module of ours that is missing is a bug: it is raised as it is."""
    if name not in COMMANDS or (error.name or "").startswith("tensorseed."):
        raise error
    return click.UsageError(f"{name} needs {error.name}: install tensorseed[{COMMANDS[name].extra}]")


def program(service: str) -> Commands:
    """The command line, with the commands of the service from the package `service`."""

    @click.group(
        cls=Commands,
        commands={name: click.Command(name) for name in COMMANDS},  # names alone, for suggestions
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @click.version_option(package_name="tensorseed", prog_name="tensorseed")
    def main() -> None:
        """Initialised weights, each a pure function of its spec."""

    main.service = service
    return main


main = program("tensorseed_service")

if __name__ == "__main__":
    main()
