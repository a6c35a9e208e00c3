"""Clients that a test uses alike: blocking, and in an event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from tensorseed.client.async_client import AsyncClient
from tensorseed.client.sync_client import Client
from tests.tensorseed.client.conftest import quick

Call = Callable[..., Any]


def blocking(url: str, verb: str, *args: Any, **given: Any) -> Any:
    """What a verb of `Client` returns."""
    with Client(url, attempts=3, backoff=quick) as client:
        return getattr(client, verb)(*args, **given)


def awaiting(url: str, verb: str, *args: Any, **given: Any) -> Any:
    """What a verb of `AsyncClient` returns."""

    async def run() -> Any:
        async with AsyncClient(url, attempts=3, backoff=quick) as client:
            return await getattr(client, verb)(*args, **given)

    return asyncio.run(run())


def verbs(client: type) -> dict[str, inspect.Signature]:
    """The public methods of a client."""
    return {
        name: inspect.signature(method)
        for name, method in vars(client).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
