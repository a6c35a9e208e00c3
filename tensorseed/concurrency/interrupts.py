"""Effect of SIGINT, such as of Ctrl-C, and of SIGTERM on this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def ending_at_once() -> AbstractContextManager[None]:
    """A block in which SIGINT ends the process at once, by the signal: no import prints a traceback."""
    return _replaced(signal.default_int_handler, signal.SIG_DFL)


def raising() -> AbstractContextManager[None]:
    """A block within one of `ending_at_once` in which SIGINT raises KeyboardInterrupt, as Python has it."""
    return _replaced(signal.SIG_DFL, signal.default_int_handler)


def raising_terminated() -> AbstractContextManager[None]:
    """A block in which SIGTERM raises Terminated. The first process of a container ignores it otherwise."""
    return _replaced(signal.SIG_DFL, _terminate, signal.SIGTERM)


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """A block after which SIGINT and SIGTERM have the effects that they had before, in the main thread."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if main}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # set by other code than Python's
                signal.signal(number, handler)


def _terminate(*_: object) -> None:
    raise Terminated


@contextmanager
def _replaced(usual: Any, handler: Any, number: signal.Signals = signal.SIGINT) -> Iterator[None]:
    """A block with another handler in place of the usual one, in the main thread."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(number) != usual:
        yield
        return
    signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, usual)
