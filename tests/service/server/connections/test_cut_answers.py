"""Answers that the end of a service cuts: one line each, and no fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import tempfile
import time
from typing import Any

import pytest

from tests.serving import served, status
from tests.waiting import PATIENCE, wait_until
from tools.fuzz.raw import PATIENT, replies, serving

ENDLESS = b"GET /v1/weights?shape=1048576,1048576&init=normal HTTP/1.1\r\nHost: x\r\n\r\n"
LAYER = {"type": "Linear", "in_features": 1_024, "out_features": 1_024, "init": "orthogonal"}
EVALUATION = json.dumps(
    {"layers": [{"name": f"fc{i}", **LAYER} for i in range(32)], "input": {"shape": [1_024]}}
)
LONG = b"POST /v1/evaluations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(EVALUATION)
HALF = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
MESSAGE = "the service stopped before the end of this answer"


def rest(client: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(1 << 20):
            received += part
    return received


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_says_which_answers_it_cuts(number: int) -> None:
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        process, port = stack.enter_context(served("--grace-seconds", "0.5", "--threads", "1", stderr=log))
        requests = (ENDLESS, ENDLESS + ENDLESS, LONG + EVALUATION.encode(), HALF)
        clients = []
        for request in requests:
            clients.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE)))
            clients[-1].sendall(request)
        assert clients[0].recv(1) == clients[1].recv(1) == b"H"
        process.send_signal(number)
        wait_until(lambda: status(port, "/readyz") == 503)
        for client in clients[2:]:
            (answer,) = replies(rest(client))
            assert answer.status == 503
            assert answer.fields["connection"] == "close"
            assert answer.fields["retry-after"] == "1"
            assert "the service stopped before this was done" in answer.asked["detail"]
        process.wait(PATIENCE)
        log.seek(0)
        lines = [json.loads(line) for line in log.read().splitlines()]
    cut = [line for line in lines if line["message"] == MESSAGE]
    assert sorted((line["level"], line["route"], line["status"]) for line in cut) == [
        ("warning", "/v1/evaluations", 503),
        ("warning", "/v1/weights", 200),
        ("warning", "/v1/weights", 200),
        ("warning", "/v1/weights", 503),
    ]
    assert all(line["request_id"] for line in cut)
    assert [line for line in lines if line["level"] not in {"info", "warning"} or "exc_info" in line] == []


def watch(caplog: pytest.LogCaptureFixture) -> None:
    """Capture warnings, whatever the servers of other tests have set."""
    for name in ("", "uvicorn.error", "service", "asyncio"):
        caplog.set_level(logging.WARNING, name)


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """Answer without end, or begin no answer."""
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await asyncio.sleep(1_000)


async def failing(scope: Any, receive: Any, send: Any) -> None:
    """Raise in the middle of an answer."""
    raise RuntimeError("on purpose")


@pytest.mark.parametrize("path", [b"/stream", b"/wait"])
def test_a_cut_is_no_fault_of_the_application(caplog: pytest.LogCaptureFixture, path: bytes) -> None:
    watch(caplog)
    with (
        serving(endless) as (server, port),
        socket.create_connection(("127.0.0.1", port), PATIENCE) as client,
    ):
        client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: server.server_state.tasks)
        time.sleep(0.1)
        server.should_exit = True
        rest(client)
    assert caplog.records == []


def test_a_fault_of_the_application_is_told(caplog: pytest.LogCaptureFixture) -> None:
    watch(caplog)
    with serving(failing) as (_, port), socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 500 ")
    assert "Exception in ASGI application" in caplog.text


@pytest.mark.parametrize("answer", ["idle", "unread"])
def test_a_stop_waits_for_no_client_that_keeps_its_connection(
    caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = bytes(1 << 23 if answer == "unread" else 1)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    watch(caplog)
    with (
        serving(app, PATIENT, timeout_keep_alive=3_600) as (server, port),
        socket.create_connection(("127.0.0.1", port), PATIENCE) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1) == b"H"
        time.sleep(0.1)
        server.should_exit = True
        wait_until(lambda: not server.server_state.connections)
    assert caplog.records == []
