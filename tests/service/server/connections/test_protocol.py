"""Limits of a connection on a real socket, one below and one above."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from service.server import serve
from service.server.app import create_app
from service.settings import Settings
from tests.waiting import PATIENCE, wait_until

SETTINGS = Settings.model_construct(
    threads=1,
    log_level="critical",
    token_chars=64,
    url_bytes=2_000,
    header_bytes=1_024,
    header_seconds=1.0,
    idle_seconds=1.0,
    keep_alive_seconds=2,
    streams=2,
    evaluations=1,
)
PATIENT = SETTINGS.model_copy(update={"header_seconds": 3.0, "idle_seconds": 3.0})
HUGE = "shape=1048576,1048576&init=normal"


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server with these bounds, and its port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        listener.bind(("127.0.0.1", 0))
        running = uvicorn.Server(serve.configure(settings, create_app(settings)))
        thread = threading.Thread(target=running.run, args=([listener],), daemon=True)
        thread.start()
        wait_until(lambda: running.started)
        yield running, listener.getsockname()[1]
        running.should_exit = True
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[uvicorn.Server, int]]:
    """A server with narrow bounds, and its port."""
    with serving(SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def patient() -> Iterator[int]:
    """The port of a server that waits longer than a client within its time may pause on a busy machine."""
    with serving(PATIENT) as (_, number):
        yield number


@pytest.fixture
def port(served: tuple[uvicorn.Server, int]) -> int:
    """The server's port."""
    return served[1]


def answer(port: int, request: bytes) -> tuple[int, bytes]:
    """The status and the whole answer to one request; status 0 for none."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(request)
        received = b""
        while part := client.recv(1 << 16):
            received += part
    return int(received.split()[1]) if received else 0, received


def get(target: bytes, *fields: bytes) -> bytes:
    lines = (b"GET %s HTTP/1.1" % target, b"Host: x", b"Connection: close", *fields)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def test_a_url_of_the_limit_passes_and_one_longer_does_not(port: int) -> None:
    room = SETTINGS.url_bytes - len(b"/healthz?")
    assert answer(port, get(b"/healthz?" + b"a" * room))[0] == 200
    status, whole = answer(port, get(b"/healthz?" + b"a" * (room + 1)))
    assert status == 414
    assert b"application/problem+json" in whole
    assert b"2,000 bytes" in whole


def test_fields_of_the_limit_pass_and_larger_ones_do_not(port: int) -> None:
    taken = len(b"Host: x\r\nConnection: close\r\nX: \r\n")
    room = SETTINGS.header_bytes - taken
    assert answer(port, get(b"/healthz", b"X: " + b"a" * room))[0] == 200
    status, whole = answer(port, get(b"/healthz", b"X: " + b"a" * (room + 1)))
    assert status == 431
    assert b"urn:tensorseed:problem:large-head" in whole


def test_a_field_without_end_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(8):
            client.sendall(b"a" * 500)
            time.sleep(0.02)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_is_told_so(port: int) -> None:
    status, whole = answer(port, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert status == 400
    assert b"urn:tensorseed:problem:malformed-request" in whole


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost:"])
def test_a_head_that_does_not_come_is_given_up(port: int, sent: bytes) -> None:
    status, whole = answer(port, sent)
    assert status == 408
    assert b"urn:tensorseed:problem:slow-head" in whole


def test_a_slow_head_within_the_time_is_answered(patient: int) -> None:
    with socket.create_connection(("127.0.0.1", patient), PATIENCE) as client:
        for part in (b"GET /healthz HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n"):
            client.sendall(part)
            time.sleep(0.1)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_the_second_head_of_a_connection_is_bounded_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        assert client.recv(1) == b""


def test_line_ends_after_an_answer_keep_no_connection_open(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        assert client.recv(1) == b""


def test_a_body_is_not_taken_for_a_part_of_the_next_head(port: int) -> None:
    body = b" " * (SETTINGS.url_bytes + SETTINGS.header_bytes)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.sendall(body + b"GET /healthz HTTP/1.1\r\n")
        time.sleep(0.05)
        client.sendall(b"Host: x\r\nConnection: close\r\n\r\n")
        received = b""
        while part := client.recv(1 << 16):
            received += part
        assert received.startswith(b"HTTP/1.1 422 "), received
        assert b"HTTP/1.1 200 " in received


EVALUATION = b"POST /v1/evaluations HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"


def test_a_body_that_does_not_come_is_given_up(patient: int) -> None:
    with socket.create_connection(("127.0.0.1", patient), PATIENCE) as client:
        client.sendall(EVALUATION + b"{")
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", patient), PATIENCE) as other:
            other.sendall(EVALUATION)
            assert other.recv(1 << 16).startswith(b"HTTP/1.1 429 ")  # the first one has the only place
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", patient), PATIENCE) as client:
        client.sendall(EVALUATION + b" " * 40)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 422 ")


def test_a_slow_body_is_read(patient: int) -> None:
    with socket.create_connection(("127.0.0.1", patient), PATIENCE) as client:
        client.sendall(EVALUATION)
        for _ in range(20):  # together longer than one that sends nothing may take, and each much shorter
            time.sleep(0.25)
            client.sendall(b" " * 2)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 422 ")


def test_the_rest_of_a_body_that_was_refused_is_not_awaited(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n {")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")

        def is_closed() -> bool:
            with contextlib.suppress(ConnectionError):
                client.sendall(b" ")
                return False
            return True

        wait_until(is_closed)


def test_who_reads_nothing_and_sends_half_a_head_keeps_no_stream(patient: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(SETTINGS.streams):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", patient), PATIENCE))
            client.sendall(f"GET /v1/weights?{HUGE} HTTP/1.1\r\nHost: x\r\n\r\nGET / HT".encode())
        wait_until(lambda: gauge(patient, "tensorseed_active_streams") == SETTINGS.streams)
        wait_until(lambda: gauge(patient, "tensorseed_active_streams") == 0)


@pytest.mark.parametrize("fields", ["", "Connection: close\r\n"])
def test_an_answer_that_is_not_read_keeps_no_connection_open(
    served: tuple[uvicorn.Server, int], fields: str
) -> None:
    """Of some of these answers the kernel takes all but so little that nobody waits to write more."""
    running, port = served
    with contextlib.ExitStack() as stack:
        before = running.server_state.total_requests
        for size in range(60_000, 400_000, 20_000):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
            client.connect(("127.0.0.1", port))
            path = f"/v1/weights?shape={size}&init=zeros&dtype=float8_e5m2"
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
        wait_until(lambda: running.server_state.total_requests > before)
        wait_until(lambda: not running.server_state.connections)


def test_a_refusal_tells_the_id_of_its_request(port: int) -> None:
    _, whole = answer(port, get(b"/", b"X-Request-ID: mine", b"X: " + b"a" * SETTINGS.header_bytes))
    assert b"\r\nx-request-id: mine\r\n" in whole


def test_a_connection_without_another_request_is_closed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        assert client.recv(1) == b""


def test_a_client_that_reads_nothing_is_dropped(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(f"GET /v1/weights?{HUGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(3)
        with contextlib.suppress(ConnectionError):
            while client.recv(1 << 20):  # what lies in the kernel's buffers; the file itself has no end
                pass


def test_a_client_that_reads_slowly_is_served(patient: int) -> None:
    with socket.create_connection(("127.0.0.1", patient), PATIENCE) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        client.sendall(f"GET /v1/weights?{HUGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for _ in range(20):  # longer than one that reads nothing may take
            assert client.recv(1 << 18)
            time.sleep(0.25)


def test_a_stream_whose_client_leaves_is_counted(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(f"GET /v1/weights?{HUGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        before = gauge(port, "tensorseed_cancelled_streams_total")
    wait_until(lambda: gauge(port, "tensorseed_cancelled_streams_total") > before)


def gauge(port: int, name: str) -> float:
    """The present value of a metric without labels."""
    text = answer(port, get(b"/metrics"))[1].decode()
    return float(text.partition(f"\n{name} ")[2].split()[0])


def test_a_malformed_body_is_told_in_the_form_of_its_path(port: int) -> None:
    head = b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for path in (b"/v1/weights", b"/v1/evaluations", b"/v1/losses/mse_loss", b"/v1/weights/plan"):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.sendall(b"POST " + path + head + b"1\r\n{\r\n")
            time.sleep(0.05)
            client.sendall(b"x\r\n")
            received = b""
            while part := client.recv(1 << 16):
                received += part
        assert received.startswith(b"HTTP/1.1 400 "), received
        assert b"\r\nconnection: close\r\n" in received
        assert b"the chunks of the body are malformed" in received
        assert b"urn:tensorseed:problem:malformed-request" in received
