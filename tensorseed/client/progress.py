"""What a person at a terminal sees: a bar with the rate and the time left. Nobody else sees anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told of every bytes that are done."""

    def __call__(self, count: int) -> None:
        """`count` more bytes are done."""


def is_watched(*, quiet: bool) -> bool:
    """Whether somebody looks at standard error."""
    return not quiet and sys.stderr.isatty()


@contextmanager
def bar(what: str, size: int, done: int, *, quiet: bool) -> Iterator[Progress]:
    """Shows how much of `size` bytes is done, of which `done` were before, on standard error."""
    if not is_watched(quiet=quiet):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=size, completed=done)
        yield lambda count: shown.advance(task, count)
