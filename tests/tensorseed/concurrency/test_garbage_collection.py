"""Pause of the garbage collection: nested, and in several threads."""

from __future__ import annotations

import gc
import threading

from tensorseed.concurrency.garbage_collection import collection_paused


def test_the_last_pause_ends_it() -> None:
    assert gc.isenabled()
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with collection_paused():
            inside.set()
            done.wait()

    thread = threading.Thread(target=other)
    with collection_paused():
        thread.start()
        inside.wait()
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert not gc.isenabled()
    done.set()
    thread.join()
    assert gc.isenabled()


def test_what_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
