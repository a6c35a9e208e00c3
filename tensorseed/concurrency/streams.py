"""Standard streams of a process, which may have been started without them."""

from __future__ import annotations

import os
import sys

MISSING: set[str] = set()
"""The names of the streams that `open_missing` opened, such as `stdout`."""


def open_missing() -> None:
    """Open the standard streams that are closed, as by `2>&-`, on the null device.

    Otherwise the next socket or file would get the number of one, and receive what is written to it.
    What this process writes to a closed `sys.stdout` is an OSError, since it would be lost. Standard error,
    and the processes that it starts, write to the null device.
    """
    streams = tuple(enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))))
    for number, (name, _) in streams:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            MISSING.add(name)
    for number, (name, mode) in streams:
        if getattr(sys, name) is None:
            refusing = os.open(os.devnull, os.O_RDONLY) if name == "stdout" else number
            setattr(sys, name, open(refusing, mode, closefd=False))  # noqa: SIM115 - open until the end
