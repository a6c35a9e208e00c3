"""Ten million predictions and targets sent as safetensors, against torch here and a plain socket."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch

from benchmarks.compare import Comparison, compare

ELEMENTS = 10_000_000
HEADERS = {"Content-Type": "application/octet-stream"}
PATH = "/v1/losses/mse_loss"


def losses() -> tuple[list[Comparison], str]:
    """The comparison, and a sentence on the server's memory."""
    body = safetensors.torch.save({name: torch.randn(ELEMENTS) for name in ("input", "target")})
    with server() as (port, pid), sink() as plain:
        comparison = compare(
            f"mse_loss of {ELEMENTS:,} float32 pairs by HTTP",
            lambda: post(port, body),
            "the bytes by a plain socket, then `safetensors.torch.load` and `mse_loss`",
            lambda: (transfer(plain, body), evaluate(body)),
            rounds=15,
        )
        assert post(port, body) == evaluate(body)
        return [comparison], memory(pid, port, body)


def post(port: int, body: bytes) -> float:
    """The loss that the service computes."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", PATH, body, HEADERS)
    answer = connection.getresponse().read().decode()
    connection.close()
    return float(answer.partition(":")[2].partition(",")[0])


def evaluate(body: bytes) -> float:
    """The loss that torch computes here."""
    tensors = safetensors.torch.load(body)
    return torch.nn.functional.mse_loss(tensors["input"], tensors["target"]).item()


def transfer(port: int, body: bytes) -> None:
    """The bytes over the loopback, until the other side has them all."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(len(body).to_bytes(8, "little"))
        connection.sendall(body)
        assert connection.recv(1) == b"1"


def memory(pid: int, port: int, body: bytes) -> str:
    """How far the server's memory grows over what it is at rest, at its peak during one request."""
    status, peaks = Path(f"/proc/{pid}/status"), Path(f"/proc/{pid}/clear_refs")
    if not peaks.exists():
        return "the system does not tell the server's memory"
    peaks.write_text("5")  # the peak counts from here
    before = kibibytes(status, "VmRSS")
    post(port, body)
    growth = (kibibytes(status, "VmHWM") - before) << 10
    return f"memory of that server during one such request: {growth / len(body):.2f} times the body's size"


def kibibytes(status: Path, field: str) -> int:
    """A field of a process's status."""
    return int(status.read_text().partition(f"{field}:")[2].split()[0])


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """The port and the process of a service, started as a user starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    with subprocess.Popen([*command], stderr=subprocess.DEVNULL) as process:
        try:
            while not answers(port):
                assert process.poll() is None
                time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()


def answers(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def sink() -> Iterator[int]:
    """The port of a process that takes bytes in, and does nothing with them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = multiprocessing.get_context("fork").Process(target=take, args=(listener,), daemon=True)
        process.start()
        yield listener.getsockname()[1]
        process.terminate()
        process.join()


def take(listener: socket.socket) -> None:
    """Take in what every connection announces and sends, and answer with one byte."""
    while True:
        connection, _ = listener.accept()
        with connection:
            body = memoryview(bytearray(int.from_bytes(connection.recv(8), "little")))
            done = 0
            while done < len(body):
                done += connection.recv_into(body[done:])
            connection.sendall(b"1")
