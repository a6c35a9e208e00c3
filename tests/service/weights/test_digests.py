"""The digests of a file over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from fastapi import FastAPI

from service.http.responses import CACHE_CONTROL
from service.server.app import create_app
from service.settings import Settings
from service.weights import digests, schemas
from tests.waiting import PATIENCE

SPEC = {
    "seed": 5,
    "layers": [
        {"name": "fc.{0..1}", "type": "Linear", "in_features": 70, "out_features": 50},
        {"name": "empty", "type": "Tensor", "shape": [0], "init": "ones"},
    ],
}


def url_of(client: Any, spec: dict[str, Any] = SPEC) -> str:
    return client.post("/v1/weights/plan", json=spec).json()["url"]


def by_hand(data: bytes) -> dict[str, Any]:
    """The digests of a file as a client has it."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    cut = {
        name: data[8 + length + tensor["data_offsets"][0] : 8 + length + tensor["data_offsets"][1]]
        for name, tensor in header.items()
    }
    return {
        "algorithm": "sha256",
        "digest": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "tensors": {name: hashlib.sha256(part).hexdigest() for name, part in cut.items()},
    }


def fields(answer: Any) -> dict[str, str]:
    """The header fields, without the one that names the request."""
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


@pytest.mark.parametrize("generator", ["philox", "torch"])
def test_they_are_those_of_the_file(client: Any, generator: str) -> None:
    url = url_of(client, {**SPEC, "generator": generator})
    answer = client.get(f"{url}/digest")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == by_hand(client.get(url).content)
    assert client.get(f"{url}/digest").content == answer.content


def test_they_are_those_of_the_file_in_another_dtype(client: Any) -> None:
    url = url_of(client, SPEC)
    answer = client.get(f"{url}/digest?dtype=bf16")
    assert answer.json() == by_hand(client.get(f"{url}?dtype=bfloat16").content)
    assert answer.headers["etag"] != client.head(f"{url}/digest").headers["etag"]
    assert client.get(f"{url}/digest?dtype=fp8").json()["errors"][0]["parameter"] == "dtype"


def test_the_header_fields_are_those_of_what_never_changes(client: Any) -> None:
    url = url_of(client, {**SPEC, "seed": 6})
    before = client.head(f"{url}/digest")
    answer = client.get(f"{url}/digest")
    assert fields(before) == fields(answer)
    assert before.content == b""
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == CACHE_CONTROL
    assert answer.headers["etag"] != client.head(url).headers["etag"]
    again = client.get(f"{url}/digest", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert client.get(f"{url}/digest", headers={"If-Match": '"other"'}).status_code == 412


def test_the_example_is_true(client: Any) -> None:
    answer = client.get(f"{schemas.URL}/digest").json()
    assert (answer["digest"], answer["tensors"]) == (digests.DIGEST, {"weight": digests.TENSOR_DIGEST})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/weights/s1.nothing/digest", 404),
        (f"{schemas.URL}/digest?slice=0:1", 422),
        (f"{schemas.URL}/digest/more", 404),
    ],
)
def test_what_has_no_digest(client: Any, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_limit(start: Callable[[FastAPI], AbstractContextManager[Any]]) -> None:
    for below, status in ((0, 200), (1, 413)):
        settings = Settings.model_construct(threads=1, digest_bytes=schemas.SIZE - below)
        with start(create_app(settings)) as client:
            for method in ("GET", "HEAD"):
                assert client.request(method, f"{schemas.URL}/digest").status_code == status


def test_it_counts_as_a_stream_until_it_is_known(
    start: Callable[[FastAPI], AbstractContextManager[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings.model_construct(threads=1, streams=1))
    with start(app) as client:
        with app.state.streams.admit():
            busy = client.get(f"{schemas.URL}/digest")
            assert busy.status_code == 429
            assert "retry-after" in busy.headers
        assert client.get(f"{schemas.URL}/digest").status_code == 200
        with app.state.streams.admit():
            assert client.get(f"{schemas.URL}/digest").status_code == 200


class Gate:
    """A worker's stream that waits before its first chunk, and tells how often it began and ended."""

    def __init__(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = self.ended = 0
        self.open = asyncio.Event()
        worker = app.state.worker
        stream = worker.stream

        async def gated(file: Any, start: int, stop: int) -> Any:
            self.begun += 1
            try:
                await self.open.wait()
                async for chunk in stream(file, start, stop):
                    yield chunk
            finally:
                self.ended += 1

        monkeypatch.setattr(worker, "stream", gated)


async def ask(app: FastAPI, gone: asyncio.Event) -> list[dict[str, Any]]:
    """What the application sends to a client that leaves when `gone` is set."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    path = f"{schemas.URL}/digest"
    scope = {"type": "http", "http_version": "1.1", "scheme": "http", "method": "GET", "root_path": ""}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return sent


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def test_all_who_ask_wait_for_one_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        app = create_app(Settings.model_construct(threads=1))
        gate = Gate(app, monkeypatch)
        here, gone = asyncio.Event(), asyncio.Event()
        staying = [asyncio.ensure_future(ask(app, here)) for _ in range(2)]
        leaving = asyncio.ensure_future(ask(app, gone))
        await until(lambda: app.state.streams.active == 3)
        gone.set()
        await leaving
        gate.open.set()
        first, second = await asyncio.gather(*staying)
        assert first[0]["status"] == 200
        assert first[1] == second[1]
        assert (gate.begun, gate.ended) == (1, 1)
        await app.state.worker.close()

    asyncio.run(main())


def test_the_computing_stops_when_the_last_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        app = create_app(Settings.model_construct(threads=1))
        gate = Gate(app, monkeypatch)
        gone = asyncio.Event()
        asking = [asyncio.ensure_future(ask(app, gone)) for _ in range(2)]
        await until(lambda: gate.begun == 1 and app.state.streams.active == 2)
        gone.set()
        await asyncio.gather(*asking)
        await until(lambda: gate.ended == 1)
        assert app.state.streams.active == 0
        gate.open.set()
        assert (await ask(app, asyncio.Event()))[0]["status"] == 200  # and the next one begins anew
        assert gate.begun == 2
        await app.state.worker.close()

    asyncio.run(main())
