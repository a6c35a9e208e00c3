"""Server with a watched event loop; `/gap` tells its longest stop.

The seconds are those since the last question. A stop is no longer than the processor time that the process
had meanwhile, so a busy machine adds nothing.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.server.serve import build, compile_ahead, configure
from service.settings import Settings

BEAT = 0.005  # seconds


class Watched:
    """An application beside a task that wakes up all the time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._longest = 0.0
        self._beating: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `/gap`, and hand all else to the application."""
        if scope["type"] == "lifespan":
            self._beating = asyncio.ensure_future(self._beat())
        if scope.get("path") != "/gap":
            await self._app(scope, receive, send)
            return
        longest, self._longest = self._longest, 0.0
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps(longest)})

    async def _beat(self) -> None:
        last = time.perf_counter(), time.process_time()
        while True:
            await asyncio.sleep(BEAT)
            now = time.perf_counter(), time.process_time()
            self._longest = max(self._longest, min(now[0] - last[0] - BEAT, now[1] - last[1]))
            last = now


if __name__ == "__main__":
    settings = Settings(port=int(sys.argv[1]))
    compile_ahead(settings)
    uvicorn.Server(configure(settings, Watched(build(settings)))).run()
