"""Tables of the command line, made from its commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from service.__main__ import main
from tensorseed.commands.base import CODES
from tensorseed.commands.names import COMMANDS

Table = tuple[Sequence[str], Iterable[Sequence[object]]]

_OF_SETTINGS = "serve"  # whose options are those of the table of settings


def commands() -> Table:
    """Every command with its summary."""
    rows = ((f"`{name}`", entry.section, entry.summary) for name, entry in COMMANDS.items())
    return ("command", "about", "what it does"), rows


def options() -> Table:
    """Every option with the commands that have it."""
    return ("option", "of", "value", "default", "meaning"), _options()


def exit_codes() -> Table:
    """Every exit code."""
    return ("exit code", "meaning"), (line.split(maxsplit=1) for line in CODES.splitlines())


def _options() -> Iterator[Sequence[object]]:
    context = main.make_context("tensorseed", [], resilient_parsing=True)
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        for param in command.params if name != _OF_SETTINGS else ():
            if isinstance(param, click.Option):
                alike.setdefault(_row(param), []).append(f"`{name}`")
    for (spelled, *rest), owners in alike.items():
        yield spelled, " ".join(owners), *rest


def _row(option: click.Option) -> tuple[str, ...]:
    names = " ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    kind = option.type
    value = "" if option.is_flag else "a path" if isinstance(kind, click.Path) else "a text"
    if isinstance(kind, click.IntRange):
        value = f"an integer from {kind.min:,} to {kind.max:,}"
    default = option.default if isinstance(option.default, int | str) else ""
    if option.is_flag:
        default = f"`{option.opts[0]}`" if option.secondary_opts and option.default is True else ""
    more = f" Or the variable `{option.envvar}`." if option.envvar else ""
    return names, value, str(default), f"{option.help}{more}"
