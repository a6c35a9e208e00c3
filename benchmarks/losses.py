"""Losses of ten million elements, against torch and a plain socket."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import safetensors.torch
import torch

from benchmarks.compare import compare
from benchmarks.effort import QUICK, Effort
from benchmarks.machine import kibibytes, reset_peak, tells_memory
from benchmarks.rows import Reading, Row, Skipped
from benchmarks.servers import Server, service

ELEMENTS = 10_000_000
HEADERS = {"Content-Type": "application/octet-stream"}
PATH = "/v1/losses/mse_loss"


def losses(effort: Effort) -> Iterator[Row]:
    """The comparison, and what the server's memory grows by."""
    elements = ELEMENTS // 20 if effort is QUICK else ELEMENTS
    body = safetensors.torch.save({name: torch.randn(elements) for name in ("input", "target")})
    with service() as server, sink() as plain:
        yield compare(
            f"mse_loss of {elements:,} float32 pairs by HTTP",
            lambda: post(server.port, body),
            "the bytes by a plain socket, then `safetensors.torch.load` and `mse_loss`",
            lambda: transfer(plain, body) and evaluate(body),
            rounds=3 * effort.rounds,
        )
        assert post(server.port, body) == evaluate(body)
        yield memory(server, body)


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


def transfer(port: int, body: bytes) -> bool:
    """The bytes over the loopback, until the other side has them all."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(len(body).to_bytes(8, "little"))
        connection.sendall(body)
        return connection.recv(1) == b"1"


def memory(server: Server, body: bytes) -> Row:
    """How far the server's memory grows over what it is at rest, at its peak during one request."""
    name = f"memory of one such request of {len(body) / 1e6:.0f} MB"
    if not tells_memory():
        return Skipped(name, "only Linux tells a process's peak: run this there")
    reset_peak(server.pid)
    before = kibibytes(server.pid, "VmRSS")
    post(server.port, body)
    growth = (kibibytes(server.pid, "VmHWM") - before) << 10
    return Reading(name, growth / len(body), "times its body")


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
