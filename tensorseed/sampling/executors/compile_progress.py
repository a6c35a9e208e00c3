"""Progress of the compiler: log lines, or one line of a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[float], None]
"""Learns the share of the kernels that are there, after each one that has been compiled."""

QUARTERS = 4
TEXT = "compiling kernels"

_log = logging.getLogger(__name__)


def log_lines() -> Progress:
    """Progress that logs a line at each quarter."""
    told = 0

    def tell(share: float) -> None:
        nonlocal told
        quarter = int(QUARTERS * share)
        if told < quarter < QUARTERS:
            told = quarter
            _log.info("%s: %d %%", TEXT, 100 * quarter // QUARTERS)

    return tell


def line_of(terminal: TextIO) -> Progress:
    """Progress that writes one line of a terminal over and over, and ends it at the last kernel."""

    def tell(share: float) -> None:
        end = "\n" if share >= 1 else ""
        terminal.write(f"\r{TEXT}: {100 * share:3.0f} %{end}")
        terminal.flush()

    return tell


def for_people() -> Progress:
    """One line of a terminal, if standard error is one, and log lines elsewhere."""
    return line_of(sys.stderr) if sys.stderr is not None and sys.stderr.isatty() else log_lines()
