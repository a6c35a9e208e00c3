"""Limits of concurrency, and shares of clients: 429 beyond them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from service.http.concurrency_limit import ConcurrencyLimit
from service.http.errors import BusyError, Limit
from service.server.app import create_app
from service.settings import Settings
from service.worker.clients import CLIENT
from tests.waiting import PATIENCE

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

    def __init__(
        self, app: FastAPI, method: str, target: str, body: bytes = b"", **scope_fields: Any
    ) -> None:
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
            **scope_fields,
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
        await asyncio.wait_for(self.task, PATIENCE)
        return self.status

    async def leave(self) -> None:
        self.gone.set()
        await asyncio.wait_for(self.task, PATIENCE)


def test_streams_beyond_the_limit_are_429_and_all_else_is_answered() -> None:
    app = create_app(Settings.model_construct(threads=2, kernel_cache=None, streams=1))

    async def main() -> None:
        first = Client(app, "GET", LARGE)
        await asyncio.wait_for(first.begun.wait(), PATIENCE)
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
        await asyncio.wait_for(again.begun.wait(), PATIENCE)
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


def test_a_client_has_a_share_and_leaves_places_to_others() -> None:
    limit = ConcurrencyLimit(Limit.STREAMS, 8, "streams files")
    with ExitStack() as stack:
        CLIENT.set("greedy")
        for _ in range(6):
            stack.enter_context(limit.admit())
        with pytest.raises(BusyError, match="as many for this client as it may have"):
            stack.enter_context(limit.admit())
        CLIENT.set("modest")
        stack.enter_context(limit.admit())
        assert limit.active == 7
    CLIENT.set(None)
    assert limit.active == 0


def test_the_client_is_the_key_or_the_connection(tmp_path: Path) -> None:
    secret = "s" * 32
    keys = tmp_path / "keys"
    keys.write_text(f"alice:{hashlib.sha256(secret.encode()).hexdigest()}\n")
    seen: list[Any] = []

    async def ask(settings: Settings, *headers: tuple[bytes, bytes]) -> None:
        app = create_app(settings)
        run = app.state.worker.run

        async def noted(*arguments: Any) -> Any:
            seen.append(CLIENT.get())
            return await run(*arguments)

        app.state.worker.run = noted
        for port in (1, 2):
            await asyncio.create_task(answer(app, port, *headers))
        await app.state.worker.close()

    async def answer(app: FastAPI, port: int, *headers: tuple[bytes, bytes]) -> None:
        fields = {"headers": list(headers), "client": ("192.0.2.1", port)}
        client = Client(app, "POST", "/v1/weights/plan", SPEC, **fields)
        assert await client.answer() == 200

    asyncio.run(ask(Settings.model_construct(threads=1, kernel_cache=None)))
    assert set(seen) == {("192.0.2.1", 1), ("192.0.2.1", 2)}
    seen.clear()
    settings = Settings.model_construct(threads=1, kernel_cache=None, keys_file=keys)
    asyncio.run(ask(settings, (b"authorization", f"Bearer {secret}".encode())))
    assert set(seen) == {"alice"}
