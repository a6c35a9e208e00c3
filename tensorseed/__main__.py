"""Command line: `tensorseed`, or `python -m tensorseed`.

A command's module is imported when the command is run, so that help and completion answer at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorseed.concurrency.interrupts import ending_at_once

with ending_at_once():
    import click

from tensorseed.concurrency.streams import open_missing

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Entry(NamedTuple):
    """One command: where it is defined, its summary, and the extra that its imports need."""

    module: str  # one that begins with a dot is of the service
    function: str
    extra: str
    summary: str


COMMANDS = {
    "compile": Entry(
        "tensorseed.commands", "compile_kernels", "torch", "Compile the kernels of the CPU into the cache"
    ),
    "fetch": Entry("tensorseed.client.commands", "fetch", "torch", "Fetch or compute the file of SPEC"),
    "key": Entry(".commands", "key", "service", "Make an API key called NAME"),
    "openapi": Entry(".commands", "openapi", "service", "Write the OpenAPI document"),
    "recipe": Entry("tensorseed.commands", "recipe", "transformers", "Write the recipe of CONFIG"),
    "serve": Entry(".commands", "serve", "service", "Serve weights over HTTP until interrupted"),
    "settings": Entry(".commands", "settings", "service", "List every setting of the service"),
    "verify": Entry(
        "tensorseed.client.commands", "verify", "torch", "Compute FILE again and compare every tensor"
    ),
}


class Commands(click.Group):
    """The commands of `COMMANDS`, those of the service from the package of that name."""

    service: str

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program. SIGINT ends it at once, but for commands that have something to tell then."""
        with ending_at_once():
            return super().main(*args, **kwargs)

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
        open_missing()
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise _missing(error, ctx.invoked_subcommand or "") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a name without importing a command."""
        from click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name].summary) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


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
