"""Waiting between attempts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from tensorseed.client.http import retries
from tensorseed.client.http.retries import MAX_RETRY_AFTER_SECONDS, Backoff, retry_after


def test_waits_double_and_are_drawn_from_a_half():
    backoff = Backoff(100, 1.0, 30.0)
    for expected in (1, 2, 4, 8, 16, 30, 30):
        assert backoff.failed()
        assert all(expected / 2 <= backoff.seconds() <= expected for _ in range(20))


def test_attempts_are_those_in_a_row():
    backoff = Backoff(2)
    assert backoff.failed()
    backoff.succeeded()
    assert backoff.failed()
    assert not backoff.failed()


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(None, 0, 1), (7.0, 7, 7), (1e9, MAX_RETRY_AFTER_SECONDS, MAX_RETRY_AFTER_SECONDS)],
)
def test_the_wait_is_at_least_what_the_server_asks(monkeypatch, asked, least, most):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(retries, "asyncio", SimpleNamespace(sleep=sleep))  # other threads sleep too
    backoff = Backoff(3, 1.0)
    backoff.failed()
    asyncio.run(backoff.wait(asked))
    assert least <= slept[0] <= most


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
    ],
)
def test_retry_after(field, seconds):
    assert retry_after({"retry-after": field}) == seconds
    assert retry_after({}) is None


def test_retry_after_as_a_date_to_come():
    then = datetime.now(UTC) + timedelta(seconds=100)
    found = retry_after({"retry-after": format_datetime(then, usegmt=True)})
    assert found is not None
    assert 90 < found <= 100
