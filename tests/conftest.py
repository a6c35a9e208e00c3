"""Shared fixtures: an application and a client, without a network."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from typing import Any, TypeVar

import httpx
import hypothesis
import pytest
from fastapi import FastAPI

from service.settings import Settings
from tensorseed.concurrency.garbage_collection import collection_paused
from tests.waiting import PROGRAM_PATIENCE

T = TypeVar("T")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of hundreds of programs compiles every module

os.environ.setdefault("KERAS_BACKEND", "jax")  # before a test imports keras, which reads it once

# Threads of torch that wait for each other spin, and take the core of the process that runs other tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")

hypothesis.settings.register_profile("tensorseed", deadline=None)  # the first draw compiles
hypothesis.settings.load_profile("tensorseed")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Keep the garbage collection off thousands of tests, while they are collected and after that.

    Kernels are looked up where the service does, rather than compiled in every process of the tests. Some
    modules draw while they are collected.
    """
    from tensorseed.devices.local import kernels_ready

    kernels_ready()
    with collection_paused():
        yield
    gc.freeze()


LONG = (  # tests that take longest, apart by when they should begin
    ("tests/fuzz/test_conformance.py", "tests/tensorseed/export/test_ray.py"),
    ("tests/test_docs.py::test_every_block_runs", "tests/test_examples.py"),
    (
        "tests/soak/",
        "tests/tensorseed/commands/test_sweep.py",
        "tests/tensorseed/sampling/executors/test_executors.py::test_generic",
        "tests/tensorseed/sampling/executors/test_portability.py",
        "tests/tensorseed/sampling/test_range_kernels.py::test_no_kernel",
    ),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, where several processes share them.

    Each process is first given an equal part of the list. An idle one takes from the end of another's.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    first: list[list[pytest.Item]] = [[] for _ in range(processes)]
    others: list[pytest.Item] = []
    for item in items:
        found = [group for group, names in enumerate(LONG) if item.nodeid.startswith(names)]
        (first[found[0] % processes] if found else others).append(item)
    left = len(items)
    items.clear()
    for number, part in enumerate(first):
        size = left // (processes - number)
        left -= size
        items += [*part, *others[: max(0, size - len(part))]]
        del others[: max(0, size - len(part))]
    items += others


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured, which they do not judge: the rest of the machine decides it too."""
    measured = {
        name: value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
    }
    if measured:
        terminalreporter.section("figures")
        for name, value in measured.items():
            terminalreporter.write_line(f"{name} {value}")


LOGGERS = ("tensorseed", "service", "service.access", "uvicorn", "uvicorn.access")


@pytest.fixture(autouse=True, scope="module")
def logging_restored() -> Iterator[None]:
    """Undo what a server within a test configures: the next test of the process may read the log."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for logger, (level, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture(autouse=True, scope="session")
def signals_of_programs() -> None:
    """Let signals stop the programs of tests, which inherit what nohup or a shell has them ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


class Loop:
    """An event loop in a thread of its own, for tests that are plain functions."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PROGRAM_PATIENCE)

    def close(self) -> None:
        """Stop the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Client:
    """A blocking HTTP client of an application, which it starts and stops as a server would."""

    def __init__(self, app: FastAPI, loop: Loop) -> None:
        self.app = app
        self._loop = loop
        self._stack = AsyncExitStack()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def start(self) -> None:
        """Run the application's startup."""
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))
        await self._stack.enter_async_context(self._http)

    async def stop(self) -> None:
        """Run its shutdown."""
        await self._stack.aclose()

    def request(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        """The answer to one request."""
        return self._loop.run(self._http.request(method, url, **arguments))

    def get(self, url: str, **arguments: Any) -> httpx.Response:
        """The answer to a GET."""
        return self.request("GET", url, **arguments)

    def head(self, url: str, **arguments: Any) -> httpx.Response:
        """The answer to a HEAD."""
        return self.request("HEAD", url, **arguments)

    def post(self, url: str, **arguments: Any) -> httpx.Response:
        """The answer to a POST."""
        return self.request("POST", url, **arguments)


@contextmanager
def started(app: FastAPI) -> Iterator[Client]:
    """A client of an application that runs until the block ends."""
    loop = Loop()
    client = Client(app, loop)
    loop.run(client.start())
    try:
        yield client
    finally:
        loop.run(client.stop())
        loop.close()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Settings that do not depend on the environment, with chunks small enough to meet their edges."""
    return Settings.model_construct(threads=2, chunk_bytes=4_096)


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[Client]:
    """A client of an application with those settings."""
    from service.server.app import create_app  # here, so that tests of the core alone do not need it

    with started(create_app(settings)) as running:
        yield running


@pytest.fixture
def start() -> Callable[[FastAPI], AbstractContextManager[Client]]:
    """Starts an application of the test's own."""
    return started
