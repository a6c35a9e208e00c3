"""Server with a watched event loop; `/gap` tells its longest stop.

The seconds are those since the last question. A busy machine adds nothing: a stop is no longer than the
processor time that the process had meanwhile, and leaves out the time for which the loop's thread waited for
a processor. `/hold` stops the loop.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.server.serve import build, compile_ahead, configure
from service.settings import Settings

BEAT = 0.005  # seconds
HOLD = 0.3  # seconds of the processor


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
        answer = {"/gap": self._gap, "/hold": _hold}.get(scope.get("path", ""))
        if answer is None:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps(answer())})

    def _gap(self) -> float:
        longest, self._longest = self._longest, 0.0
        return longest

    async def _beat(self) -> None:
        last = time.perf_counter() - _waited(), time.process_time()
        while True:
            await asyncio.sleep(BEAT)
            now = time.perf_counter() - _waited(), time.process_time()
            self._longest = max(self._longest, min(now[0] - last[0] - BEAT, now[1] - last[1]))
            last = now


def _hold() -> float:
    """Stop the loop."""
    end = time.thread_time() + HOLD
    while time.thread_time() < end:
        pass
    return HOLD


def _waited() -> float:
    """Seconds that this thread was ready to run and had no processor, where the system counts them."""
    try:
        counts = Path("/proc/thread-self/schedstat").read_text()
    except OSError:
        return 0.0
    return int(counts.split()[1]) / 1e9


if __name__ == "__main__":
    settings = Settings(port=int(sys.argv[1]))
    compile_ahead(settings)
    uvicorn.Server(configure(settings, Watched(build(settings)))).run()
