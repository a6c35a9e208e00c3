"""Server with a watched event loop; `/gap` tells its longest stop.

The seconds are those since the last question. A busy machine adds nothing, where the system counts how long
a thread waits for a processor. A stop leaves out the time for which the loop's thread waited. It also leaves
out that of other threads of Python, one of which may have held the interpreter. It is no shorter than the
processor time that the process had meanwhile. `/hold` stops the loop, `/hold?by=sleep` without a processor.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import threading
import time

import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.server.serve import build, compile_ahead, configure
from service.settings import Settings

BEAT = 0.005  # seconds
HOLD = 0.3  # seconds

_READING = ctypes.PyDLL(None)  # without letting go of the interpreter, which takes 5 ms to come back


class QueueTimes:
    """Seconds for which threads of Python were ready to run and had no processor."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}
        self._buffer = ctypes.create_string_buffer(100)

    def read(self) -> dict[int, float]:
        """The seconds of each thread since its start; none where the system does not count them."""
        alive = {thread.native_id for thread in threading.enumerate()} - {None}
        for thread in self._files.keys() - alive:
            os.close(self._files.pop(thread))
        times = {}
        for thread in alive:
            try:
                if thread not in self._files:
                    self._files[thread] = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
            except OSError:
                continue
            size = _READING.pread(self._files[thread], self._buffer, 100, ctypes.c_long(0))
            if size > 0:
                times[thread] = int(self._buffer.raw[:size].split()[1]) / 1e9
        return times


class Watched:
    """An application beside a task that wakes up all the time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._longest = 0.0
        self._beating: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `/gap` and `/hold`, and hand all else to the application."""
        if scope["type"] == "lifespan":
            self._beating = asyncio.ensure_future(self._beat())
        holds = _sleep if scope.get("query_string") == b"by=sleep" else _compute
        answer = {"/gap": self._gap, "/hold": holds}.get(scope.get("path", ""))
        if answer is None:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps(answer())})

    def _gap(self) -> float:
        longest, self._longest = self._longest, 0.0
        return longest

    async def _beat(self) -> None:
        queues, loop = QueueTimes(), threading.get_native_id()
        last = time.perf_counter(), time.process_time(), queues.read()
        while True:
            await asyncio.sleep(BEAT)
            now = time.perf_counter(), time.process_time(), queues.read()
            waited = {thread: seconds - last[2].get(thread, 0.0) for thread, seconds in now[2].items()}
            stop = now[0] - last[0] - BEAT - waited.pop(loop, 0.0)
            computed = min(stop, now[1] - last[1])
            counts = loop in now[2]
            self._longest = max(self._longest, computed, stop - sum(waited.values()) if counts else 0.0)
            last = now


def _compute() -> float:
    """Stop the loop by work."""
    end = time.thread_time() + HOLD
    while time.thread_time() < end:
        pass
    return HOLD


def _sleep() -> float:
    """Stop the loop by a call that blocks."""
    time.sleep(HOLD)
    return HOLD


if __name__ == "__main__":
    settings = Settings(port=int(sys.argv[1]))
    compile_ahead(settings)
    uvicorn.Server(configure(settings, Watched(build(settings)))).run()
