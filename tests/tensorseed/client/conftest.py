"""Servers on the loopback, and what can stand between them and a client."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from service.server.app import create_app
from service.settings import Settings
from tensorseed.client.download import Options
from tensorseed.client.http.retries import Backoff
from tensorseed.devices.local import LocalSettings
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.waiting import PATIENCE, wait_until

MIB = 1 << 20
SPEC: dict[str, Any] = {
    "seed": 9,
    "layers": [
        {"name": "fc.{0..2}", "type": "Linear", "in_features": 700, "out_features": 500},
        {"name": "empty", "type": "Tensor", "shape": [0, 3], "init": "ones"},
        {"name": "b", "type": "Tensor", "shape": [33], "init": "normal", "dtype": "bfloat16"},
        {"name": "f8", "type": "Tensor", "shape": [7, 3], "init": "uniform", "dtype": "float8_e4m3fn"},
    ],
}


def file_of(spec: dict[str, Any] = SPEC) -> VirtualFile:
    return open_file(parse_spec(json.dumps(spec).encode(), Limits()))


def bytes_of(file: VirtualFile) -> bytes:
    return file.read(0, file.size).tobytes()


def quick(attempts: int) -> Backoff:
    """Waits next to nothing."""
    return Backoff(attempts, 0.001, 0.002)


def options(output: Path, **given: Any) -> Options:
    return Options(
        output, **{"attempts": 3, "backoff": quick, "local": lambda: LocalSettings(2, None), **given}
    )


class Between:
    """An application around another: it counts requests, and may answer in its place."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Callable[[str, str, dict[str, str]], tuple[int, dict[str, str], bytes] | None] = (
            lambda *_: None
        )
        self.cut_after: int | None = None  # bytes of an answer, after which its connection breaks
        self.change: Callable[[bytes], bytes] = lambda body: body
        self.pause = 0.0  # seconds before each chunk

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        asked = scope["method"], scope["path"], headers
        self.requests.append(asked)
        instead = self.answer(*asked)
        if instead is not None:
            status, fields, body = instead
            raw = [(name.encode(), value.encode()) for name, value in fields.items()]
            raw.append((b"content-length", str(len(body)).encode()))
            await send({"type": "http.response.start", "status": status, "headers": raw})
            await send({"type": "http.response.body", "body": body})
            return
        sent, of_file = 0, False

        async def passing(message: Any) -> None:
            nonlocal sent, of_file
            body = message.get("body", b"")
            if "headers" in message:
                of_file = (b"content-type", b"application/octet-stream") in message["headers"]
            elif of_file:
                await asyncio.sleep(self.pause)
                if self.cut_after is not None and sent + len(body) > self.cut_after:
                    raise ConnectionAbortedError("cut")
                message = {**message, "body": self.change(bytes(body))}
            sent += len(body)
            await send(message)

        await self.app(scope, receive, passing)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The URL of a server of `app`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, loop="asyncio", http="httptools", ws="none", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def application() -> FastAPI:
    return create_app(Settings.model_construct(threads=2, chunk_bytes=1 << 16))


@pytest.fixture(scope="session")
def running(application: FastAPI) -> Iterator[tuple[Between, str]]:
    between = Between(application)
    with serving(between) as url:
        yield between, url


@pytest.fixture
def between(running: tuple[Between, str]) -> Between:
    """What stands before the server, in its first state."""
    running[0].__init__(running[0].app)  # type: ignore[misc]
    return running[0]


@pytest.fixture
def url(running: tuple[Between, str], between: Between) -> str:
    """The server's URL."""
    return running[1]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec on disk."""
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(SPEC))
    return path
