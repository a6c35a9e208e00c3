"""Commands `tensorseed fetch` and `tensorseed verify`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import click

from tensorseed.client import KEY_VARIABLE
from tensorseed.client.errors import INTERRUPTED, ClientError, DiskError, printable
from tensorseed.concurrency.interrupts import raising
from tensorseed.devices.local import LocalSettings, local_settings
from tensorseed.errors import UnusedRuleWarning

_CODES = """\b
Exit codes: 0 done, 1 refused, 2 usage, 3 network, 4 verification failed,
5 disk, 130 interrupted.
"""


@contextmanager
def exiting(interrupted: str = "interrupted") -> Iterator[None]:
    """Turn errors of the client into a message and an exit code, and an interruption into 130."""
    try:
        with raising():
            yield
    except ClientError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo(interrupted, err=True)
        sys.exit(INTERRUPTED)


def write_out(text: str | bytes) -> None:
    """Write to standard output.

    Raises:
        DiskError: it takes no more, since a disk is full, or a device is none to write to.
    """
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:  # which click ends in silence
        raise
    except OSError as error:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the rest of the buffer
        reason = (error.strerror or "the system refuses it").lower()
        raise DiskError(f"standard output cannot be written ({reason}): name another file") from None


def settings_of(threads: int | None) -> LocalSettings:
    """Return the local settings, with `threads` first.

    Raises:
        click.UsageError: a variable of the environment has no valid value.
    """
    try:
        return local_settings(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _quiet(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("-q", "--quiet", is_flag=True, help="No progress bar.")(command)


def _threads(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--threads", type=click.IntRange(0, 4_096), help="Threads that compute here; 0 for one per core."
    )(command)


@contextmanager
def _warning() -> Iterator[None]:
    """Write each warning to standard error as a line, once."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        line = f"Warning: {printable(str(message))}"
        if line not in shown:
            click.echo(line, err=True)
        shown.add(line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnusedRuleWarning)
        warnings.showwarning = show
        yield


@click.command(epilog=_CODES)
@click.argument("spec")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; it appears when it is whole.",
)
@click.option(
    "--url", "urls", multiple=True, help="Server to ask, such as http://host:8000; several share the work."
)
@click.option(
    "--connections",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Ranges at a time.",
)
@click.option(
    "--attempts",
    type=click.IntRange(1, 1_000),
    default=8,
    show_default=True,
    help="Attempts in a row that bring next to nothing.",
)
@click.option("--key", envvar=KEY_VARIABLE, help=f"API key; {KEY_VARIABLE} keeps it out of lists.")
@click.option("--verify/--no-verify", default=True, help="Compare with the digest that the server computes.")
@click.option("--restart", is_flag=True, help="Begin anew where a part is there already.")
@click.option("--force", is_flag=True, help="Overwrite files that are there; never the spec.")
@_threads
@_quiet
def fetch(
    spec: str,
    output: Path,
    urls: tuple[str, ...],
    connections: int,
    attempts: int,
    key: str | None,
    verify: bool,
    restart: bool,
    force: bool,
    threads: int | None,
    quiet: bool,
) -> None:
    """Fetch or compute the file of SPEC.

    SPEC is a JSON file, - for standard input, a token, or the URL of a file. The servers at --url are asked
    for several ranges at a time; without one the same bytes are computed here, on all cores. An interrupted
    download leaves OUTPUT.part, and the same command resumes it, from any server.
    """
    import asyncio

    from tensorseed.client.download import Options, compute, fetch_from
    from tensorseed.client.source import is_base_url, is_key, read_source

    if key is not None and not is_key(key):
        raise click.UsageError("a key has no spaces and only ASCII characters: copy it whole")
    wrong = next((url for url in urls if not is_base_url(url)), None)
    if wrong is not None:
        raise click.UsageError(f"--url {wrong}: give a URL such as http://127.0.0.1:8000")
    with exiting("interrupted: the same command goes on from here"), _warning():
        try:
            source = read_source(spec)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        servers = list(urls) or ([source.base] if source.base else [])
        local = partial(settings_of, threads)
        options = Options(output, local, connections, attempts, verify, restart, force, quiet, key)
        if servers:
            asyncio.run(fetch_from(servers, source, options))
        else:
            compute(source, options)


@click.command(epilog=_CODES)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@_threads
@_quiet
def verify(file: Path, as_json: bool, threads: int | None, quiet: bool) -> None:
    """Compute FILE again and compare every tensor.

    The metadata of FILE has its recipe. The report names each tensor; of one that differs, it has the number
    of elements that differ, and the first of them with both values. With --quiet it leaves out equal tensors.
    """
    from tensorseed.client.verify import as_document, as_lines, verify_file

    with exiting():
        report = verify_file(file, settings_of(threads), quiet=quiet or as_json)
        for line in [as_document(file, report)] if as_json else as_lines(file, report, quiet=quiet):
            write_out(f"{printable(line)}\n")
        if not report.equal:
            sys.exit(4)


COMMANDS = (fetch, verify)
