"""A stop that breaks nothing, of a server as a user starts it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import signal
import socket
import tempfile
import threading
import time
import urllib.request
from typing import Any

import pytest

from service.http.request_context import CURRENT
from service.server.graceful_shutdown import Draining, GracefulShutdown
from tests.serving import free_port, served, status
from tests.waiting import PATIENCE, wait_until

LARGE = "/v1/weights?shape=16384,16384&init=normal"  # 1 GiB, which a slow reader does not end by chance


def test_a_running_stream_ends_while_new_work_is_refused() -> None:
    with contextlib.ExitStack() as stack:
        process, port = stack.enter_context(served("--grace-seconds", "3600"))
        connection = stack.enter_context(
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE))
        )
        connection.request("GET", LARGE)
        response = stack.enter_context(connection.getresponse())
        size = int(response.headers["content-length"])
        got = len(response.read(1 << 20))
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: status(port, "/readyz") == 503)
        assert [status(port, path) for path in ("/readyz", "/healthz", "/v1/schemes")] == [503, 200, 503]
        while part := response.read(1 << 24):
            got += len(part)
        assert got == size
        process.wait(PATIENCE)


def test_the_grace_period_ends() -> None:
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        process, port = stack.enter_context(served("--grace-seconds", "0.5", stderr=log))
        connection = stack.enter_context(
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE))
        )
        connection.request("GET", LARGE)
        stack.enter_context(connection.getresponse()).read(1 << 20)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        log.seek(0)
        text = log.read().decode()
    assert "stopping: 1 request under way, at most 0.5 s" in text
    assert "Ctrl-C" not in text
    assert "Traceback" not in text


def test_a_second_interrupt_stops_at_once_and_quietly() -> None:
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        process, port = stack.enter_context(served("--grace-seconds", "3600", stderr=log))
        connection = stack.enter_context(
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE))
        )
        connection.request("GET", LARGE)
        stack.enter_context(connection.getresponse()).read(1 << 20)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: status(port, "/readyz") == 503)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        log.seek(0)
        text = log.read().decode()
    assert "stopping: 1 request under way, at most 3600 s; Ctrl-C again to stop at once" in text
    assert "Application shutdown complete" in text
    for fault in ("Traceback", "Exception", "ERROR", '"error"'):
        assert fault not in text


@pytest.mark.slow
def test_several_processes_serve_count_together_and_stop() -> None:
    with served("--workers", "2", "--access-log") as (process, port):
        for _ in range(60):
            assert status(port, "/v1/schemes") == 200

        def metrics() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
                return answer.read().decode()

        wait_until(lambda: "tensorseed_ready_processes 2.0" in metrics())
        text = metrics()
        counted = re.search(r'tensorseed_requests_total\{.*"/v1/schemes".*\} (\d+)', text)
        assert counted is not None
        assert int(counted[1]) == 60
        assert 'pid="' not in text
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert status(port, "/healthz") == 0


@pytest.mark.slow
def test_metrics_may_have_a_port_of_their_own() -> None:
    other = free_port()
    with served("--metrics-port", str(other)) as (_, port):
        assert status(port, "/metrics") == 404
        assert status(other, "/metrics") == 200


@pytest.mark.slow
def test_processes_end_with_the_one_that_supervises_them() -> None:
    """And let go of its port, so that it can be started again."""
    with served("--workers", "2", "--threads", "1") as (process, port):
        process.kill()
        wait_until(lambda: status(port, "/healthz") == 0)


class Stop:
    """A drain, and what could be seen meanwhile."""

    def __init__(self, active: int, *, notice_seconds: float, grace_seconds: float) -> None:
        self.shutdown = GracefulShutdown(notice_seconds, grace_seconds)
        self.shutdown.active = active
        self.slept: list[tuple[float, bool]] = []  # seconds, and whether new work was refused by then
        self.seen: list[int] = []  # signals that reached the server

    def run(self, ends_after: int = 1 << 30) -> Stop:
        """Drain; what is under way ends after so many looks."""
        self.shutdown._handlers = {signal.SIGTERM: lambda number, _: self.seen.append(number)}
        sleep, here = asyncio.sleep, threading.get_ident()

        async def watched(seconds: float) -> None:
            if threading.get_ident() != here:  # a server of another test, in a thread of its own
                await sleep(seconds)
                return
            self.slept.append((seconds, self.shutdown.draining))
            if len(self.slept) > ends_after:
                self.shutdown.active = 0
            await sleep(min(seconds, 0.01))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("service.server.graceful_shutdown.asyncio.sleep", watched)
            asyncio.run(self.shutdown._drain(signal.SIGTERM))
        return self


def test_without_requests_the_server_stops_at_once() -> None:
    stop = Stop(0, grace_seconds=3_600.0, notice_seconds=0.0).run()
    assert stop.seen == [signal.SIGTERM]
    assert stop.slept == [(0.0, False)]


def test_after_a_stop_at_once_the_server_is_not_called_again() -> None:
    stop = Stop(1, grace_seconds=0.05, notice_seconds=0.0)
    stop.shutdown._at_once = True
    assert stop.run().seen == []


def test_requests_without_end_do_not_hold_it() -> None:
    assert Stop(2, grace_seconds=0.05, notice_seconds=0.0).run().seen == [signal.SIGTERM]


def test_the_server_stops_when_the_last_request_has_ended() -> None:
    stop = Stop(1, grace_seconds=3_600.0, notice_seconds=0.0).run(ends_after=4)
    assert stop.seen == [signal.SIGTERM]
    assert len(stop.slept) == 5


def test_new_work_is_refused_only_after_the_notice() -> None:
    stop = Stop(1, grace_seconds=0.05, notice_seconds=7.0).run()
    assert stop.slept[0] == (7.0, False)
    assert len(stop.slept) > 1
    assert all(refused for _, refused in stop.slept[1:])


def test_a_request_is_under_way_until_its_answer_has_ended() -> None:
    async def main() -> list[int]:
        shutdown, counts = GracefulShutdown(0, 0), []

        async def app(*_: Any) -> None:
            counts.append(shutdown.active)
            raise ConnectionError

        for path in ("/v1/weights", "/healthz", "/metrics"):
            with contextlib.suppress(ConnectionError):
                await Draining(app, shutdown)({"type": "http", "path": path}, None, None)  # type: ignore[arg-type]
            counts.append(shutdown.active)
        return counts

    assert asyncio.run(main()) == [1, 0, 0, 0, 0, 0]


def test_a_stream_is_under_way_until_its_client_has_read_it() -> None:
    """The last chunk waits in the server's memory for a client that reads slowly."""
    with contextlib.ExitStack() as stack:
        process, port = stack.enter_context(served("--chunk-bytes", str(1 << 24), "--grace-seconds", "3600"))
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        client.connect(("127.0.0.1", port))
        client.settimeout(PATIENCE)
        client.sendall(b"GET /v1/weights?shape=4000000&init=normal HTTP/1.1\r\nHost: x\r\n\r\n")
        got = len(client.recv(1 << 10))
        process.send_signal(signal.SIGTERM)
        time.sleep(4)  # longer than the server waits for connections once it stops
        while part := client.recv(1 << 20):
            got += len(part)
        assert got > 16_000_000
        process.wait(PATIENCE)


def test_a_stop_is_no_part_of_the_request_that_it_interrupts() -> None:
    """Its log lines would have the request's id."""
    seen: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(CURRENT.get()))

    async def main() -> None:
        shutdown = GracefulShutdown(0, 0)
        with shutdown.serving():
            CURRENT.set("a request")
            signal.raise_signal(signal.SIGTERM)
            while not seen:
                await asyncio.sleep(0.01)

    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [""]
