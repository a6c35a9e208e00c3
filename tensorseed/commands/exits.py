"""Exit codes and output of a command: errors in one sentence, data, words."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import islice
from typing import Any, TextIO

import click

from tensorseed.client.errors import INTERRUPTED, ClientError, DiskError, NetworkError, printable
from tensorseed.concurrency.interrupts import Terminated, raising, raising_terminated
from tensorseed.concurrency.streams import MISSING
from tensorseed.errors import TensorseedError, UnusedRuleWarning
from tensorseed.ray_cluster import ClusterError

TERMINATED = 143  # 128 and the number of SIGTERM, as shells have it
LINES = 256  # written at a time


@contextmanager
def exiting(interrupted: str = "interrupted", *, terminated: bool = False) -> Iterator[None]:
    """Turn errors of the library into a message and an exit code, and an interruption into 130.

    With `terminated` SIGTERM interrupts as well, and gives 143.
    """
    try:
        with raising(), raising_terminated() if terminated else nullcontext():
            yield
    except ClientError as error:
        fail(error.of_command(), error.exit_code)
    except ClusterError as error:
        fail(str(error), NetworkError.exit_code)
    except TensorseedError as error:
        fail(str(error), 1)
    except Terminated:
        click.echo(interrupted, err=True)
        sys.exit(TERMINATED)
    except (KeyboardInterrupt, click.Abort):
        click.echo(interrupted, err=True)
        sys.exit(INTERRUPTED)


def fail(message: str, code: int) -> None:
    """End the program with a message and an exit code, which counts where standard error takes no more."""
    try:
        click.echo(f"Error: {printable(message)}", err=True)
    except OSError:
        _drop(sys.stderr)
    sys.exit(code)


def say(message: str) -> None:
    """Write a line to standard error, which is for people."""
    click.echo(printable(message), err=True)


def write_out(text: str | bytes | memoryview) -> None:
    """Write to standard output, which is for data.

    Raises:
        DiskError: it is closed or takes no more, since a disk is full, or a device is none to write to.
    """
    try:
        click.echo(bytes(text) if isinstance(text, memoryview) else text, nl=False)
    except BrokenPipeError:  # which click ends in silence
        raise
    except OSError as error:
        raise unwritable(error) from None


def unwritable(error: OSError) -> DiskError:
    """The error of standard output that takes no more; what is left in its buffer is dropped."""
    _drop(sys.stdout)
    if "stdout" in MISSING:
        return DiskError("standard output is closed: name a file, as in > FILE")
    reason = (error.strerror or "the system refuses it").lower()
    return DiskError(f"standard output cannot be written ({reason}): name another file")


def _drop(stream: TextIO) -> None:
    """Turn a stream that takes no more to the null device, which takes what is left in its buffer."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output.

    Raises:
        DiskError: as `write_out`.
    """
    waiting = iter(lines)
    while piece := [f"{line}\n" for line in islice(waiting, LINES)]:
        write_out("".join(piece))


def write_json(document: Any) -> None:
    """Write a document to standard output as JSON: indented on a terminal, in one line elsewhere.

    Raises:
        DiskError: as `write_out`.
    """
    import json

    indent = 2 if sys.stdout.isatty() else None
    write_out(json.dumps(document, allow_nan=False, indent=indent) + "\n")


@contextmanager
def warning() -> Iterator[None]:
    """Write each warning of the library to standard error as a line, once."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        line = f"Warning: {message}"
        if line not in shown:
            say(line)
        shown.add(line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnusedRuleWarning)
        warnings.showwarning = show
        yield
