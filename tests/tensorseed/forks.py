"""Forked processes of tests."""

from __future__ import annotations

import os
import time
import traceback
import warnings
from collections.abc import Callable

import pytest

from tests.waiting import PATIENCE

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def exit_code_of_fork(work: Callable[[], int]) -> int:
    """Return what `work` returns in a forked process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons and jax warn of threads
        child = os.fork()
    if not child:
        try:
            os._exit(work())
        except BaseException:
            traceback.print_exc()
            os._exit(255)
    deadline = time.monotonic() + PATIENCE
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(ended[1])
