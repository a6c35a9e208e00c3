"""Effect of SIGINT, such as of Ctrl-C, on this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


def ending_at_once() -> AbstractContextManager[None]:
    """A block in which SIGINT ends the process at once, by the signal: no import prints a traceback."""
    return _replaced(signal.default_int_handler, signal.SIG_DFL)


def raising() -> AbstractContextManager[None]:
    """A block within one of `ending_at_once` in which SIGINT raises KeyboardInterrupt, as Python has it."""
    return _replaced(signal.SIG_DFL, signal.default_int_handler)


@contextmanager
def _replaced(usual: Any, handler: Any) -> Iterator[None]:
    """A block with another handler in place of the usual one, in the main thread."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) != usual:
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
