"""Event loop in a thread of its own, for blocking callers."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import NamedTuple, TypeVar

from anyio import CancelScope
from anyio.from_thread import BlockingPortal

T = TypeVar("T")

Finish = Callable[[], Awaitable[None]]


class ClosedError(Exception):
    """The loop was closed, before the call or during it."""


class NestedError(Exception):
    """The loop's own thread called, which would wait for itself."""


class _Running(NamedTuple):
    portal: BlockingPortal
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread


class LoopThread:
    """Runs coroutines for blocking callers in one event loop, which has a thread of its own.

    The thread starts with the first call. Any thread may call, also one whose own event loop runs.
    The loop ends by `close`, with the process, or once nobody holds this object; `finish` runs there last.
    A forked process starts a loop of its own.
    """

    def __init__(self, name: str, finish: Finish) -> None:
        self._name = name
        self._finish = finish
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._closed = False

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` in the loop and return its result; KeyboardInterrupt cancels it.

        Raises:
            ClosedError: the loop was closed.
            NestedError: the loop itself calls.
        """
        running, settled = self._started(), threading.Event()
        if threading.current_thread() is running.thread:
            raise NestedError
        future = running.portal.start_task_soon(_settle, work, settled)
        try:
            return future.result()
        except CancelledError:
            raise ClosedError from None
        except BaseException:
            future.cancel()
            settled.wait()
            raise

    def close(self) -> None:
        """End the loop and what runs in it; closing twice does nothing."""
        with self._lock:
            running, self._running, self._closed = self._running, None, True
        if running is not None:
            _end(running, self._finish)
            if threading.current_thread() is not running.thread:
                running.thread.join()

    def _started(self) -> _Running:
        with self._lock:
            if self._closed:
                raise ClosedError
            if self._running is None:
                self._running = _start(self._name)
                weakref.finalize(self, _end, self._running, self._finish).atexit = False
            return self._running


async def _settle(work: Callable[[], Awaitable[T]], settled: threading.Event) -> T:
    """Run `work` in a task, which is cancelled once, as asyncio does, and not again and again."""
    try:
        task = asyncio.ensure_future(work())
        try:
            return await asyncio.shield(task)
        finally:
            task.cancel()
            with CancelScope(shield=True):
                await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # which asyncio would log where nobody asks for it
    finally:
        settled.set()  # also where `work` itself raises, before there is a task


def _start(name: str) -> _Running:
    started: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop]] = Future()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            started.set_result((portal, asyncio.get_running_loop()))
            await portal.sleep_until_stopped()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name=name, daemon=True)
    thread.start()
    return _Running(*started.result(), thread)


def _end(running: _Running, finish: Finish) -> None:
    """Let a loop end soon, from any thread, that of the loop among them."""

    async def end() -> None:
        try:
            await finish()
        finally:
            await running.portal.stop(cancel_remaining=True)

    def begin() -> None:
        task = running.loop.create_task(end())
        _ending.add(task)  # asyncio itself holds no task
        task.add_done_callback(_ending.discard)

    if not running.loop.is_closed():
        running.loop.call_soon_threadsafe(begin)


def _close_all() -> None:
    for one in list(_all):
        one.close()


def _begin_anew() -> None:
    """Forget the loops whose threads the forked process lacks, without ending them."""
    for one in list(_all):
        _left_behind.append(one._running)
        one._begin()


_all: weakref.WeakSet[LoopThread] = weakref.WeakSet()
_left_behind: list[_Running | None] = []
_ending: set[asyncio.Task[None]] = set()
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
