"""Command `tensorseed fetch`: the file of a spec, computed or downloaded."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from tensorseed.commands import options
from tensorseed.commands.base import Command
from tensorseed.commands.exits import exiting, say, warning, write_json, write_out
from tensorseed.commands.fetch_repository import fetch_into, is_folder
from tensorseed.commands.tables import bytes_text
from tensorseed.concurrency.streams import MISSING

if TYPE_CHECKING:
    from tensorseed.client.download import Fetched, Options
    from tensorseed.client.source import Source
    from tensorseed.client.stream_output import Sent

EXAMPLES = """
$ tensorseed fetch mlp.json
$ tensorseed fetch 'shape=256,784&init=xavier_uniform&seed=42' -o weight.safetensors
$ tensorseed fetch tensorseed/tiny-llama@seed-42
$ tensorseed fetch tensorseed/tiny-llama@seed-42 -o tiny-llama
$ tensorseed fetch mlp.json --url http://127.0.0.1:8000
$ tensorseed fetch mlp.json -o - | sha256sum
$ tensorseed fetch http://127.0.0.1:8000/tensorseed/tiny-llama/resolve/seed-42/config.json
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("spec")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="File to write, or a folder; it appears when it is whole. By default it is named after SPEC. "
    "A folder takes every file of a recipe's repository. - is standard output.",
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
@click.option(
    "--verify/--no-verify",
    default=True,
    help="Compare with the digest that the service computes, or with what a recipe gives.",
)
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

    A recipe and a folder as OUTPUT give the whole repository: weights, config, tokenizer. A file that is
    there is compared, and kept where it is right; with --no-verify its size alone is compared, and with
    --force as well every file is written again. For a recipe, a path without a suffix is that of a folder,
    unless something else is there.
    """
    import asyncio

    from tensorseed.client.download import Options, compute, fetch_from
    from tensorseed.commands.arguments import read_argument

    options.check_service(urls, key)
    if output == "-":
        _check_stream(as_json=as_json)
        _check_unused()
    goes_on = "start anew" if output == "-" else "the same command goes on from here"
    with exiting(f"interrupted: {goes_on}"), warning():
        given = read_argument(spec)
        path = _path(output, given.file_name)
        local = partial(options.settings_of, threads)
        chosen = Options(path, local, connections, attempts, verify, restart, force, quiet or as_json, key)
        services = options.services(urls, given.source.base)
        verified = verify or not services
        recipe = given.source.recipe
        if recipe is not None and output is not None and is_folder(output):
            fetch_into(Path(output), recipe, chosen, services, as_json=as_json, quiet=quiet)
            return
        if output == "-":
            done, verified = _streamed(given.source, chosen, services)
        elif services:
            done = asyncio.run(fetch_from(services, given.source, chosen))
        else:
            done = compute(given.source, chosen)
        if as_json:
            write_json(_document(path, done, services, verified=verified))
        elif not quiet:
            say(_line(path, done, services, verified=verified))


def _check_stream(*, as_json: bool) -> None:
    """Check that standard output takes a file.

    Raises:
        click.UsageError: a document shares it, it is a terminal, or it is closed.
    """
    if "stdout" in MISSING:
        raise click.UsageError("standard output is closed, and would lose the file: add > FILE")
    if as_json:
        raise click.UsageError("--json and the file cannot both have standard output: leave one out")
    if sys.stdout.isatty():
        raise click.UsageError("a terminal cannot show the file: add > FILE, or | and a program")


def _check_unused() -> None:
    """Check that no option is given that a stream has no use for.

    Raises:
        click.UsageError: one is.
    """
    context = click.get_current_context()
    for name in ("restart", "force", "connections"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{name} has no use with -o -, which writes from the start: leave it out"
            )


def _streamed(source: Source, chosen: Options, services: list[str]) -> Sent:
    """Write the file to standard output."""
    import asyncio

    from tensorseed.client.stream_output import compute_to, stream_from

    if services:
        return asyncio.run(stream_from(services, source, chosen, write_out))
    return compute_to(source, chosen, write_out)


def _path(output: str | None, name: str) -> Path:
    """The file to write: the output, one of that name in it where it is a folder, or one of that name here.

    Raises:
        click.UsageError: the output is empty.
    """
    if output == "-":
        return Path("standard output")
    if output == "":
        raise click.UsageError("--output is empty: give the path of a file or of a folder, or leave it out")
    if output is None:
        return Path(name)
    return Path(output, name) if os.path.isdir(output) else Path(output)


def _line(path: Path, done: Fetched, services: list[str], *, verified: bool) -> str:
    """What was done, in one line."""
    parts = [f"{path}: {done.size:,} bytes"]
    if done.digest is not None:
        parts.append(f"SHA-256 {done.digest}")
    verb = "downloaded" if services else "computed"
    if services and verified:
        verb += " and verified"
    rate = f" ({bytes_text(done.nbytes / done.seconds)}/s)" if done.seconds > 0 and done.nbytes else ""
    return ", ".join([*parts, f"{verb} in {done.seconds:.2g} s{rate}"])


def _document(path: Path, done: Fetched, services: list[str], *, verified: bool) -> dict[str, object]:
    return {
        "file": str(path),
        "bytes": done.size,
        "sha256": done.digest,
        "computed": not services,
        "verified": verified,
        "transferred_bytes": done.nbytes,
        "seconds": round(done.seconds, 6),
    }
