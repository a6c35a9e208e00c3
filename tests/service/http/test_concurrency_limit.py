"""Limit of concurrent streams: 503 beyond it, other routes answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI

from service.http.concurrency_limit import ConcurrencyLimit
from service.http.errors import BusyError, Limit
from service.server.app import create_app
from service.settings import Settings

LARGE = "/v1/weights?shape=1024,1048576&init=normal"
SMALL = "/v1/weights?shape=16,16&init=normal"
SPEC = b'{"layers": [{"name": "w", "type": "Tensor", "shape": [1024, 1048576], "init": "normal"}]}'


def test_one_more_than_the_limit_is_refused_and_places_come_back() -> None:
    admission = ConcurrencyLimit(Limit.STREAMS, 2, "streams files")
    with admission.admit():
        with admission.admit(), pytest.raises(BusyError, match="streams files, 2 already"), admission.admit():
            pass
        with admission.admit():
            assert admission.active == 2
    assert admission.active == 0


class Client:
    """A client that takes what is sent as long as `reading` is set."""

    def __init__(self, app: FastAPI, method: str, target: str, body: bytes = b"") -> None:
        self.reading, self.gone, self.begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.read = False
        self.status, self.content = 0, b""
        self.headers: dict[str, str] = {}
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"content-length", str(len(body)).encode())],
        }
        bodies = [body]

        async def receive() -> dict[str, Any]:
            if bodies:
                self.read = True
                return {"type": "http.request", "body": bodies.pop(), "more_body": False}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                self.begun.set()
                return
            await self.reading.wait()
            self.content += bytes(message["body"])

        self.task = asyncio.ensure_future(app(scope, receive, send))

    async def answer(self) -> int:
        self.reading.set()
        await asyncio.wait_for(self.task, 60)
        return self.status

    async def leave(self) -> None:
        self.gone.set()
        await asyncio.wait_for(self.task, 60)


def test_streams_beyond_the_limit_are_429_and_all_else_is_answered() -> None:
    app = create_app(Settings.model_construct(threads=2, kernel_cache=None, streams=1))

    async def main() -> None:
        first = Client(app, "GET", LARGE)
        await asyncio.wait_for(first.begun.wait(), 60)
        refused = Client(app, "GET", LARGE)
        assert await refused.answer() == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        assert json.loads(refused.content)["type"] == "urn:tensorseed:problem:busy"
        assert await Client(app, "HEAD", LARGE).answer() == 200
        assert await Client(app, "GET", SMALL).answer() == 200
        assert await Client(app, "GET", "/healthz").answer() == 200
        assert await Client(app, "POST", "/v1/weights/plan", SPEC).answer() == 200
        await first.leave()
        again = Client(app, "GET", LARGE)
        await asyncio.wait_for(again.begun.wait(), 60)
        assert again.status == 200
        await again.leave()
        await app.state.worker.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "limit"), [("/v1/losses/mse_loss", "losses"), ("/v1/evaluations", "evaluations")]
)
def test_losses_and_evaluations_beyond_the_limit_are_429_before_a_body_is_read(path: str, limit: str) -> None:
    app = create_app(Settings.model_construct(threads=2, kernel_cache=None, evaluations=1))

    async def main() -> None:
        with getattr(app.state, limit).admit():
            refused = Client(app, "POST", path, b"{}")
            assert await refused.answer() == 429
            assert refused.headers["retry-after"] == "1"
            assert not refused.read
        again = Client(app, "POST", path, b"{}")
        assert await again.answer() == 422
        assert again.read
        await app.state.worker.close()

    asyncio.run(main())
