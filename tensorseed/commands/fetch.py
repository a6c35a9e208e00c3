"""Command `tensorseed fetch`: the file of a spec, computed or downloaded."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, warning, write_json
from tensorseed.commands.tables import bytes_text

if TYPE_CHECKING:
    from tensorseed.client.download import Fetched

EXAMPLES = """
$ tensorseed fetch mlp.json
$ tensorseed fetch 'shape=256,784&init=xavier_uniform&seed=42' -o weight.safetensors
$ tensorseed fetch tensorseed/tiny-llama@seed-42
$ tensorseed fetch mlp.json --url http://127.0.0.1:8000
$ tensorseed fetch http://127.0.0.1:8000/tensorseed/tiny-llama/resolve/seed-42/config.json
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("spec")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="File to write, or a folder; it appears when it is whole. By default it is named after SPEC.",
)
@options.url
@click.option(
    "--connections", type=click.IntRange(1, 64), default=4, show_default=True, help="Ranges at a time."
)
@click.option(
    "--attempts",
    type=click.IntRange(1, 1_000),
    default=8,
    show_default=True,
    help="Attempts in a row that bring next to nothing.",
)
@options.key
@click.option("--verify/--no-verify", default=True, help="Compare with the digest that the service computes.")
@click.option("--restart", is_flag=True, help="Begin anew where a part is there already.")
@options.force
@options.threads
@options.as_json
@options.quiet("No progress bar, and no line about the file.")
def fetch(
    spec: str,
    output: str | None,
    urls: tuple[str, ...],
    connections: int,
    attempts: int,
    key: str | None,
    verify: bool,
    restart: bool,
    force: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compute or download the file of SPEC.

    SPEC is a JSON file, - for standard input, a query such as 'shape=256,784&init=normal&seed=1', a token, a
    recipe such as tensorseed/tiny-llama@seed-42, or the URL of a file or repository of a service.

    This machine computes the file on all cores, or the services at --url send it in ranges; the bytes are the
    same. An interrupted fetch leaves OUTPUT.part, and the same command goes on from there.
    """
    import asyncio

    from tensorseed.client.download import Options, compute, fetch_from
    from tensorseed.commands.arguments import read_argument

    options.check_service(urls, key)
    with exiting("interrupted: the same command goes on from here"), warning():
        given = read_argument(spec)
        path = _path(output, given.file_name)
        local = partial(options.settings_of, threads)
        chosen = Options(path, local, connections, attempts, verify, restart, force, quiet or as_json, key)
        services = options.services(urls, given.source.base)
        if services:
            done = asyncio.run(fetch_from(services, given.source, chosen))
        else:
            done = compute(given.source, chosen)
        if as_json:
            write_json(_document(path, done, services, verify=verify))
        elif not quiet:
            say(_line(path, done, services, verify=verify))


def _path(output: str | None, name: str) -> Path:
    """The file to write: the output, one of that name in it where it is a folder, or one of that name here.

    Raises:
        click.UsageError: the output is standard output, or empty.
    """
    if output == "-":
        raise click.UsageError("a file is whole before it gets its name: give a path, and read that")
    if output == "":
        raise click.UsageError("--output is empty: give the path of a file or of a folder, or leave it out")
    if output is None:
        return Path(name)
    return Path(output, name) if os.path.isdir(output) else Path(output)


def _line(path: Path, done: Fetched, services: list[str], *, verify: bool) -> str:
    """What was done, in one line."""
    parts = [f"{path}: {done.size:,} bytes"]
    if done.digest is not None:
        parts.append(f"SHA-256 {done.digest}")
    verb = "downloaded" if services else "computed"
    if services and verify:
        verb += " and verified"
    rate = f" ({bytes_text(done.nbytes / done.seconds)}/s)" if done.seconds > 0 and done.nbytes else ""
    return ", ".join([*parts, f"{verb} in {done.seconds:.2g} s{rate}"])


def _document(path: Path, done: Fetched, services: list[str], *, verify: bool) -> dict[str, object]:
    return {
        "file": str(path),
        "bytes": done.size,
        "sha256": done.digest,
        "computed": not services,
        "verified": not services or verify,
        "transferred_bytes": done.nbytes,
        "seconds": round(done.seconds, 6),
    }
