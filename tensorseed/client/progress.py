"""Progress bar on standard error, for people at a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tensorseed.client.errors import printable


class Progress(Protocol):
    """Receives the number of bytes that are done, whenever some are."""

    def __call__(self, count: int) -> None:
        """`count` more bytes are done."""


@contextmanager
def bar(what: str, size: int, done: int, *, quiet: bool) -> Iterator[Progress]:
    """Show how many of `size` bytes are done, within the block; `done` were done before.

    Nothing is shown with `quiet`, or where standard error is no terminal.
    """
    if quiet or not sys.stderr.isatty():
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
        task = shown.add_task(printable(what), total=size, completed=done)
        yield lambda count: shown.advance(task, count)
