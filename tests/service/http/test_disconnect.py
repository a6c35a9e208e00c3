"""Work is given up when the client leaves."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from service.http.disconnect import cancel_on_disconnect
from service.server.app import create_app
from service.settings import Settings
from service.weights.context import SHORT_QUERY
from service.worker.fair_pool import Piece
from tests.waiting import PATIENCE


def receive(gone: asyncio.Event) -> Receive:
    first = [{"type": "http.request", "body": b"", "more_body": False}]

    async def received() -> dict[str, Any]:
        if first:
            return first.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return received


def test_work_for_a_client_that_stays_is_done() -> None:
    async def main() -> int:
        async def work() -> int:
            await asyncio.sleep(0)
            return 5

        return await cancel_on_disconnect(receive(asyncio.Event()), work())

    assert asyncio.run(main()) == 5


def test_a_fault_of_the_work_is_passed_on() -> None:
    async def main() -> None:
        async def work() -> int:
            raise ValueError("of the work")

        await cancel_on_disconnect(receive(asyncio.Event()), work())

    with pytest.raises(ValueError, match="of the work"):
        asyncio.run(main())


def test_work_for_a_client_that_left_is_cancelled() -> None:
    ended: list[str] = []

    async def main() -> None:
        gone = asyncio.Event()

        async def work() -> None:
            try:
                gone.set()
                await asyncio.Event().wait()
            finally:
                ended.append("work")

        await cancel_on_disconnect(receive(gone), work())

    with pytest.raises(ClientDisconnect):
        asyncio.run(main())
    assert ended == ["work"]


LONG_QUERY = b"shape=2&init=normal&name=" + b"n" * SHORT_QUERY
SPEC = b'{"layers": [{"name": "w", "type": "Tensor", "shape": [2], "init": "normal"}]}'


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("POST", "/v1/weights/plan", b"*/*"),
        ("POST", "/v1/weights", b"application/json"),
        ("GET", "/v1/weights", b"*/*"),
        ("GET", "/v1/devices", b"*/*"),
        ("POST", "/v1/losses/mse_loss", b"*/*"),
        ("GET", "/v1/losses/mse_loss", b"*/*"),
    ],
)
def test_queued_work_of_a_client_that_left_never_begins(
    method: str, path: str, accept: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings.model_construct(threads=1, kernel_cache=None))
    worker = app.state.worker
    pools = (worker.pools.quick, worker.pools.short_jobs)
    begun: list[str] = []
    free = threading.Event()

    def hold(_: Any) -> None:
        assert free.wait(PATIENCE)

    async def ask() -> None:
        blockers = [pool.start(hold, 1.0) for pool in pools for _ in range(pool._at_once)]
        gone = asyncio.Event()
        body = [SPEC] if method == "POST" else [b""]

        async def receive() -> dict[str, Any]:
            if body:
                return {"type": "http.request", "body": body.pop(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            """Nobody hears it."""

        query = LONG_QUERY if path == "/v1/weights" and method == "GET" else b""
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [(b"accept", accept)],
        }
        asking = asyncio.ensure_future(app(scope, receive, send))
        while not any(pool.waiting for pool in pools):
            await asyncio.sleep(0)
        gone.set()
        await asyncio.wait_for(asking, PATIENCE)
        free.set()
        await asyncio.gather(*blockers)
        await worker.close()

    run = Piece.run

    def counted(piece: Piece[Any]) -> None:
        if piece._job is not hold:
            begun.append(path)
        run(piece)

    monkeypatch.setattr(Piece, "run", counted)
    asyncio.run(ask())
    assert begun == []
