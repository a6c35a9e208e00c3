"""Signals of the processes that serve."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PRESENT = {number.name: number for number in signal.Signals}
STOP_SIGNALS = tuple(_PRESENT[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in _PRESENT)
USER_SIGNALS = tuple(_PRESENT[name] for name in ("SIGUSR1", "SIGUSR2") if name in _PRESENT)


@contextmanager
def handled(handlers: Mapping[int, Any]) -> Iterator[None]:
    """A block with these handlers. A signal that is ignored, as SIGHUP by nohup, stays so.

    Threads other than the main one cannot handle signals: there the block changes nothing.
    """
    found = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in handlers}
    found = {number: handler for number, handler in found.items() if handler != signal.SIG_IGN}
    for number in found:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number, handler in found.items():
            signal.signal(number, handler)


@contextmanager
def blocked(numbers: Sequence[int]) -> Iterator[None]:
    """A block in which this thread does not receive these signals. A process started in it inherits that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock(numbers: Sequence[int]) -> None:
    """Let this thread receive these signals."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def immediate() -> Mapping[int, Any]:
    """Handlers of a process that serves nothing yet: SIGINT ends it at once, also within compiled code."""
    return {signal.SIGINT: signal.SIG_DFL, **dict.fromkeys(USER_SIGNALS, signal.SIG_IGN)}


def graceful() -> Mapping[int, Any]:
    """Handlers below those of the server, which raises the signals that stopped it once more at its end.

    The server knows SIGINT and SIGTERM. SIGHUP, which a closed terminal sends, stops it as SIGTERM does.
    """
    server = (signal.SIGINT, signal.SIGTERM)
    return {number: ignore if number in server else _terminate for number in STOP_SIGNALS}


def ignore(_number: int, _frame: FrameType | None) -> None:
    """Handler that ignores a signal. Unlike SIG_IGN, child processes do not inherit it."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)
