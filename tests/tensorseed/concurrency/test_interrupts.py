"""Interrupts: an immediate end, and KeyboardInterrupt where it is wanted."""

from __future__ import annotations

import signal
import threading

import pytest

from tensorseed.concurrency.interrupts import ending_at_once, raising


def test_the_handler_is_replaced_and_put_back() -> None:
    usual = signal.getsignal(signal.SIGINT)
    assert usual == signal.default_int_handler
    with ending_at_once():
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt), raising():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == usual


def test_another_handler_stays() -> None:
    """As that of a program that uses the library, or SIG_IGN of a shell's background process."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ending_at_once(), raising():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_change_nothing() -> None:
    found: list[object] = []

    def look() -> None:
        with ending_at_once():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
