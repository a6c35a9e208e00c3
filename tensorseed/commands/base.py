"""Command with examples, exit codes, option groups and suggestions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

CODES = """\
0    done
1    refused: a spec, a request or a file is not valid
2    the command line or a setting is wrong
3    no server answered as it should
4    verification failed: the bytes are not the right ones
5    a local file cannot be read or written, or is there already
130  interrupted"""

SYNONYMS: Mapping[str, Sequence[str]] = {
    "address": ("host", "url"),
    "api-key": ("key",),
    "base-url": ("url",),
    "bind": ("host",),
    "destination": ("output",),
    "dir": ("output",),
    "endpoint": ("url",),
    "file": ("output",),
    "format": ("json",),
    "image": ("plot",),
    "jobs": ("threads", "connections"),
    "listen": ("host",),
    "local-dir": ("output",),
    "out": ("output",),
    "output-dir": ("output",),
    "overwrite": ("force",),
    "picture": ("plot",),
    "processes": ("workers",),
    "retries": ("attempts",),
    "server": ("url",),
    "silent": ("quiet",),
    "token": ("key",),
    "yes": ("force",),
}
"""Options as other programs call them, and what they are called here."""

_OF_A_SPEC = "it is part of SPEC, as in 'shape=256,784&init=normal&seed=42' or tensorseed/tiny-llama@seed-42"
HINTS: Mapping[str, str] = {
    "dtype": _OF_A_SPEC,
    "init": _OF_A_SPEC,
    "revision": "it follows the id, as in tensorseed/tiny-llama@seed-42",
    "seed": _OF_A_SPEC,
    "shape": _OF_A_SPEC,
}
"""What is no option of a command that takes a SPEC."""


class Command(click.Command):
    """A command whose help ends with examples, and names its exit codes.

    `examples` are lines of a shell, `codes` those of the exit codes, `groups` names of options by heading.
    """

    def __init__(
        self,
        *args: Any,
        examples: str = "",
        codes: str = CODES,
        groups: Mapping[str, Iterable[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.codes = codes
        self.groups = groups or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an unknown option is answered by its name here, or by what stands for it.

        Raises:
            click.UsageError: an option is not known, or an argument is not valid.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise self._advised(error, ctx) from None

    def _advised(self, error: click.NoSuchOption, ctx: click.Context) -> click.UsageError:
        known = {name for param in self.get_params(ctx) for name in param.opts}
        word = error.option_name.lstrip("-").replace("_", "-")
        found = [f"--{name}" for name in SYNONYMS.get(word, ()) if f"--{name}" in known]
        if found:
            return click.UsageError(f"No such option {error.option_name!r}. Did you mean {found[0]!r}?", ctx)
        if word in HINTS and any(param.name == "spec" for param in self.params):
            return click.UsageError(f"No such option {error.option_name!r}: {HINTS[word]}", ctx)
        return error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by group, and those of none last."""
        records = {
            param.name: record
            for param in self.get_params(ctx)
            if not isinstance(param, click.Argument) and (record := param.get_help_record(ctx)) is not None
        }
        for heading, names in self.groups.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(records.values()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit codes."""
        for heading, text in (("Examples", self.examples), ("Exit codes", self.codes)):
            write_lines(formatter, heading, text)


def write_lines(formatter: click.HelpFormatter, heading: str, text: str) -> None:
    """Write lines of a help under a heading, as they are; nothing of an empty text."""
    lines = text.strip().splitlines()
    if lines:
        with formatter.section(heading):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}".rstrip() + "\n")
