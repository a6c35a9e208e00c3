"""Rate limits of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from service.http.errors import BusyError
from service.server import rate_limits as module
from service.server.app import create_app
from service.server.keys import make_key
from service.server.rate_limits import RateLimits
from service.settings import Settings


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The limiter's time, which passes only while somebody sleeps."""
    now = [1_000_000.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("limits.aio.storage.memory.time.time", lambda: now[0])
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    return now


def test_requests_over_the_budget_are_refused(clock: list[float]) -> None:
    async def run() -> None:
        limits = RateLimits(3, 0)
        for _ in range(3):
            await limits.admit("alice")
        with pytest.raises(BusyError, match="3 requests") as caught:
            await limits.admit("alice")
        assert caught.value.headers == {"Retry-After": "1"}
        await limits.admit("bob")
        clock[0] += 2
        await limits.admit("alice")

    asyncio.run(run())


def test_a_stream_slows_down_to_its_budget(clock: list[float]) -> None:
    async def run() -> float:
        limits = RateLimits(0, 1_000)
        began = clock[0]
        for _ in range(20):
            await limits.spend("alice", 500)
        return clock[0] - began

    assert 7 <= asyncio.run(run()) <= 15


def test_a_chunk_may_be_larger_than_the_budget(clock: list[float]) -> None:
    async def run() -> float:
        began = clock[0]
        await RateLimits(0, 10).spend("alice", 50)
        return clock[0] - began

    assert asyncio.run(run()) >= 3


def test_a_request_is_refused_while_the_bytes_are_spent(clock: list[float]) -> None:
    async def run() -> None:
        limits = RateLimits(0, 800)
        await limits.admit("alice")
        await limits.spend("alice", 800)
        with pytest.raises(BusyError, match="800 bytes"):
            await limits.admit("alice")
        await limits.admit("bob")

    asyncio.run(run())


def test_without_a_bound_nothing_is_counted() -> None:
    async def run() -> None:
        limits = RateLimits(0, 0)
        assert not limits.counts_bytes
        for _ in range(100):
            await limits.admit("alice")
            await limits.spend("alice", 1 << 40)

    asyncio.run(run())


def test_over_http(tmp_path: Path, start: Callable[..., AbstractContextManager[Any]]) -> None:
    key, line = make_key("alice")
    (tmp_path / "keys").write_text(line)
    settings = Settings.model_construct(threads=1, keys_file=tmp_path / "keys", key_requests=5)
    with start(create_app(settings)) as client:
        given = {"Authorization": f"Bearer {key}"}
        answers = [client.get("/v1/schemes", headers=given) for _ in range(60)]
        assert {answer.status_code for answer in answers} == {200, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["type"] == "urn:tensorseed:problem:busy"
        assert client.get("/healthz", headers=given).status_code == 200


def test_bytes_over_http(tmp_path: Path, start: Callable[..., AbstractContextManager[Any]]) -> None:
    key, line = make_key("alice")
    (tmp_path / "keys").write_text(line)
    settings = Settings.model_construct(threads=1, keys_file=tmp_path / "keys", key_bytes=1 << 40)
    with start(create_app(settings)) as client:
        answer = client.get("/v1/weights?shape=1000&init=ones", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        assert len(answer.content) == int(answer.headers["content-length"])
