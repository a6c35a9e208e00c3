"""Command `tensorseed compile`: kernels of the CPU, compiled beforehand."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, write_json, write_lines
from tensorseed.devices.local import DEFAULT_CACHE, KERNEL_CACHE, PORTABLE_KERNELS

EXAMPLES = """
$ tensorseed compile
$ tensorseed compile --cache /var/cache/tensorseed --portable
$ tensorseed compile --json
"""


@click.command("compile", cls=Command, examples=EXAMPLES)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=KERNEL_CACHE,
    default=DEFAULT_CACHE,
    show_default=True,
    show_envvar=True,
    help="Folder of the kernels.",
)
@click.option(
    "--portable/--no-portable",
    envvar=PORTABLE_KERNELS,
    show_envvar=True,
    help="Compile for each level of x86-64 that this processor has.",
)
@options.as_json
def compile_kernels(cache: Path, portable: bool, as_json: bool) -> None:
    """Compile the kernels of the CPU into the cache.

    The cache may be read-only from then on.
    """
    from tensorseed.concurrency.cache_folder import CacheFolderError, trusted_folder
    from tensorseed.sampling.executors import compile_progress, kernel_cache, portability

    try:
        folder = trusted_folder(cache)
    except CacheFolderError as error:
        raise click.UsageError(f"{error}: name one that can with --cache") from None
    if not os.access(folder, os.W_OK):
        raise click.UsageError(f"{folder} cannot be written: name one that can with --cache")
    compiled = portability.compile_levels(folder) if portable else []
    if not compiled:
        kernel_cache.compile_kernels(folder, compile_progress.for_people())
    with exiting():
        if as_json:
            write_json({"folder": str(folder), "levels": compiled})
        else:
            write_lines([f"compiled for {', '.join(compiled) or 'this processor'} in {folder}"])
