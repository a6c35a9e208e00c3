"""Waits of tests, which end early or with a test that hangs."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

PATIENCE = 150.0  # seconds until a test that hangs fails, on a busy machine too
PROGRAM_PATIENCE = 300.0  # the same of a program that starts, which may compile kernels, or runs as a whole


def wait_until(condition: Callable[[], object]) -> None:
    """Return once the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited in vain")
        time.sleep(0.01)
