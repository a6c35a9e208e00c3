"""Command `tensorseed verify`: a file against its own recipe."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, write_lines

EXAMPLES = """
$ tensorseed verify mlp.safetensors
$ tensorseed verify --quiet model-00001-of-00004.safetensors && echo right
$ tensorseed verify --json mlp.safetensors
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.as_json
@options.threads
@options.quiet("No progress bar, and no line about what is equal.")
def verify(file: Path, as_json: bool, threads: int | None, quiet: bool) -> None:
    """Compute FILE again and compare every tensor.

    The metadata of FILE has its recipe. The report names each tensor; of one that differs, it has the number
    of elements that differ, and the first of them with both values.
    """
    from tensorseed.client.errors import printable
    from tensorseed.client.verify import as_document, as_lines, verify_file

    with exiting():
        report = verify_file(file, options.settings_of(threads), quiet=quiet or as_json)
        lines = [as_document(file, report)] if as_json else as_lines(file, report, quiet=quiet)
        write_lines(map(printable, lines))
        if not report.equal:
            sys.exit(4)
