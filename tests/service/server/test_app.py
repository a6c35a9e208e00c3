"""A real server on the loopback: what only a socket shows."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import uvicorn
from fastapi import FastAPI

from service.server.app import create_app
from service.settings import Settings
from service.worker.chunks import MAX_GROWTH
from tests.serving import served
from tests.waiting import PATIENCE, wait_until

CHUNK = 1 << 16
MIB = 1 << 20
HUGE = {"layers": [{"name": "t.{0..511}", "type": "Tensor", "shape": [1 << 29], "init": "normal"}]}
LOSS = {"Content-Type": "application/octet-stream"}
MODEST = {"seed": 3, "layers": [{"name": "w", "type": "Tensor", "shape": [16, MIB // 4], "init": "normal"}]}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings.model_construct(threads=2, chunk_bytes=CHUNK, body_bytes=100_000))


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """The server's socket. Connections inherit the size of its buffer, which then stays as it is."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * CHUNK)
        listener.bind(("127.0.0.1", 0))
        yield listener


@pytest.fixture(scope="module")
def port(app: FastAPI, listener: socket.socket) -> Iterator[int]:
    """The port of a running server."""
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", log_level="critical", server_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    yield connection
    connection.close()


@pytest.fixture
def computed(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all chunks that leave the worker."""
    sizes: list[int] = []
    worker = app.state.worker
    stream = worker.stream

    async def counted(file: Any, start: int, stop: int) -> Any:
        chunks = stream(file, start, stop)
        try:
            async for chunk in chunks:
                sizes.append(len(chunk))
                yield chunk
        finally:
            await chunks.aclose()
            sizes.append(-1)

    monkeypatch.setattr(worker, "stream", counted)
    return sizes


def resident(pid: int, field: str = "VmRSS") -> int:
    """The bytes of memory that a process holds; with VmHWM the most that it has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) << 10


def plan(connection: http.client.HTTPConnection, spec: dict[str, Any]) -> dict[str, Any]:
    connection.request("POST", "/v1/weights/plan", json.dumps(spec))
    return json.loads(connection.getresponse().read())


def test_head_of_a_huge_file(connection: http.client.HTTPConnection, computed: list[int]) -> None:
    planned = plan(connection, HUGE)
    connection.request("HEAD", planned["url"])
    response = connection.getresponse()
    assert response.read() == b""
    assert response.getheader("Content-Length") == str(planned["size"])
    assert response.getheader("Server") is None
    connection.request("GET", "/healthz")  # the connection is still in step
    assert connection.getresponse().read() == b'{"status":"ok"}'
    assert computed == []


def test_computing_stops_when_the_client_leaves(
    connection: http.client.HTTPConnection, port: int, computed: list[int]
) -> None:
    planned = plan(connection, HUGE)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {planned['url']} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = 0
        while received < 4 * CHUNK:
            received += len(client.recv(CHUNK))
    wait_until(lambda: computed[-1:] == [-1])
    assert sum(computed) < 64 * MIB


class Small:
    """Sockets whose buffers have a known size, and a count of the bytes that threads compute."""

    BUFFER = 2 * CHUNK

    def __init__(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        self.computed = 0
        settings = app.state.weights.settings
        self.window = (settings.window + settings.threads) * MAX_GROWTH * CHUNK
        worker = app.state.worker
        original = worker._chunks.compute

        def counted(file: Any, start: int, stop: int, executor: Any) -> memoryview:
            self.computed += stop - start
            return original(file, start, stop, executor)

        monkeypatch.setattr(worker._chunks, "compute", counted)

    def ask(self, port: int, path: str) -> socket.socket:
        """A connection that has asked for `path`."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.BUFFER)
        client.connect(("127.0.0.1", port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return client

    def most(self, received: int, client: socket.socket, listener: socket.socket) -> int:
        """What may be computed once the client has read `received` bytes: a window, and what sockets hold.

        Beside the kernel's buffers that is the chunk that the server could not hand to the kernel whole.
        """
        held = client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        held += listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return received + self.window + held + 2 * MAX_GROWTH * CHUNK


@pytest.mark.parametrize("chunks", [1, 16, 64])
def test_no_more_is_computed_than_read_and_a_window(
    app: FastAPI,
    connection: http.client.HTTPConnection,
    port: int,
    listener: socket.socket,
    chunks: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = plan(connection, HUGE)["url"]
    small = Small(app, monkeypatch)
    with small.ask(port, url) as client:
        received = 0
        while received < chunks * CHUNK:
            received += len(client.recv(CHUNK))
        before = -1
        while before < small.computed:  # until the buffers are full
            before = small.computed
            time.sleep(0.3)
        most = small.most(received, client, listener)
        assert received <= small.computed <= most
    time.sleep(0.3)
    after = small.computed
    assert after <= most + small.window
    time.sleep(0.3)
    assert small.computed == after


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_the_memory_does_not_grow_with_what_is_read() -> None:
    """A client reads 2 GiB of a file of 1 TiB from a server as a user starts it."""
    with served() as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        url = plan(connection, HUGE)["url"]
        connection.request("GET", url)
        response = connection.getresponse()
        held = []
        for _ in range(256):
            assert len(response.read(8 * MIB)) == 8 * MIB
            held.append(resident(process.pid))
        connection.close()
    assert max(held) - held[0] < 64 * MIB


def test_a_client_that_does_not_read_holds_the_computing_back(
    connection: http.client.HTTPConnection, port: int, computed: list[int]
) -> None:
    planned = plan(connection, HUGE)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {planned['url']} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_until(lambda: bool(computed))
        before = -1
        while before < len(computed):  # the sockets' buffers fill, and then nothing moves
            before = len(computed)
            time.sleep(0.3)
        assert sum(computed) < 64 * MIB
    wait_until(lambda: computed[-1:] == [-1])


def test_a_fault_halfway_breaks_the_connection(
    connection: http.client.HTTPConnection, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = app.state.worker
    stream = worker.stream

    async def failing(file: Any, start: int, stop: int) -> Any:
        chunks = stream(file, start, stop)
        yield await anext(chunks)
        await chunks.aclose()
        raise RuntimeError("a fault of the device")

    planned = plan(connection, MODEST)
    monkeypatch.setattr(worker, "stream", failing)
    connection.request("GET", planned["url"])
    response = connection.getresponse()
    assert response.status == 200
    with pytest.raises(http.client.IncompleteRead):
        response.read()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_undeclared_body_over_the_limit_is_refused(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/v1/weights", (b" " * 50_000 for _ in range(4)), encode_chunked=True)
    assert connection.getresponse().status == 413


def test_any_name_passes_through_the_url(connection: http.client.HTTPConnection) -> None:
    spec = {"layers": [{"name": "a/b %.ä", "type": "Tensor", "shape": [2], "init": "ones"}]}
    planned = plan(connection, spec)
    for name in ("a%2Fb%20%25.%C3%A4", "a/b%20%25.%C3%A4"):
        connection.request("GET", f"{planned['url']}/tensors/{name}", headers={"Accept": "application/json"})
        answer = json.loads(connection.getresponse().read())
        assert answer["tensors"]["a/b %.ä"]["data"] == [1.0, 1.0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_resumes_a_cut_download(
    connection: http.client.HTTPConnection, port: int, tmp_path: Path
) -> None:
    planned = plan(connection, MODEST)
    url = f"http://127.0.0.1:{port}{planned['url']}"
    whole, part = tmp_path / "whole", tmp_path / "part"
    subprocess.run(["curl", "-sSf", "-o", whole, url], check=True)
    part.write_bytes(whole.read_bytes()[:1_234_567])
    subprocess.run(["curl", "-sSf", "-C", "-", "-o", part, url], check=True)
    assert whole.stat().st_size == planned["size"]
    assert hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(whole.read_bytes()).digest()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_posts_as_it_does_by_default(connection: http.client.HTTPConnection, port: int) -> None:
    planned = plan(connection, MODEST)
    url = f"http://127.0.0.1:{port}/v1/weights"
    answer = subprocess.run(["curl", "-sSf", "-d", json.dumps(MODEST), url], check=True, capture_output=True)
    assert len(answer.stdout) == planned["size"]


def pairs(elements: int) -> bytes:
    """A safetensors file of as many inputs, each 3 over its target."""
    return safetensors.torch.save({"input": torch.full((elements,), 4.0), "target": torch.ones(elements)})


@pytest.mark.parametrize("chunked", [False, True])
def test_a_loss_of_a_large_file(connection: http.client.HTTPConnection, *, chunked: bool) -> None:
    body = pairs(MIB)
    content = (body[start : start + 100_000] for start in range(0, len(body), 100_000)) if chunked else body
    connection.request(
        "POST", "/v1/losses/mse_loss?reduction=none&gradients=input", content, LOSS, encode_chunked=chunked
    )
    response = connection.getresponse()
    answer = safetensors.torch.load(response.read())
    assert torch.equal(answer["loss"], torch.full((MIB,), 9.0))
    assert torch.equal(answer["gradients.input"], torch.full((MIB,), 6.0))
    connection.request("GET", "/healthz")  # the connection is still in step
    assert connection.getresponse().read() == b'{"status":"ok"}'


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads and resets a peak in /proc")
def test_a_loss_takes_less_than_three_times_its_file() -> None:
    """Of memory, at the peak, in a server as a user starts it."""
    with served() as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for elements in (1, 10_000_000):  # the first one loads torch
            before = resident(process.pid)
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")
            body = pairs(elements)
            connection.request("POST", "/v1/losses/mse_loss", body, LOSS)
            assert json.loads(connection.getresponse().read())["loss"] == 9.0
        connection.close()
        assert resident(process.pid, "VmHWM") - before < 3 * len(body)
