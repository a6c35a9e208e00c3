"""Memory of the process while it streams, to one and 64 slow clients."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Iterator, Sequence

from benchmarks.client import downloads, drain
from benchmarks.effort import QUICK, Effort
from benchmarks.machine import kibibytes, reset_peak, tells_memory
from benchmarks.rows import Reading, Row, Skipped, Target
from benchmarks.servers import Server, service

HUNDRED_GIB = "/v1/weights?shape=1638400,16384&init=normal&seed="
CLIENTS = 64
SIP = 1 << 16  # bytes that a slow client reads at a time
PAUSE = 0.25  # seconds between two sips


def memory(effort: Effort) -> Iterator[Row]:
    """Peaks of the resident memory over what it was when the service was ready."""
    if not tells_memory():
        yield Skipped("memory of the service", "only Linux tells a process's peak: run this there")
        return
    span = 2.0 if effort is QUICK else 10.0
    with service() as server:
        rest = _rest(server)
        with downloads(server, [f"{HUNDRED_GIB}0"]) as (client,):
            read = drain([client], span)
        one = _peak(server) - rest
        name = f"memory for one client that streamed {read / (1 << 30):.1f} GiB"
        yield Reading(name, one / 1024, "MiB", Target(64, maximum=True))
    with service() as server:
        rest = _rest(server)
        with downloads(server, [f"{HUNDRED_GIB}{seed}" for seed in range(CLIENTS)]) as clients:
            sip(clients, span)
            alive = _answers(server)
        further = (_peak(server) - rest - one) / (CLIENTS - 1)
        name = f"memory for each further of {CLIENTS} slow clients of 100 GiB files"
        yield Reading(name, further / 1024, "MiB", Target(16, maximum=True))
        yield Reading("/healthz among them", alive * 1e3, "ms")


def sip(clients: Sequence[socket.socket], span: float) -> None:
    """Read a little from every client, again and again, for `span` seconds."""
    deadline = time.perf_counter() + span
    for client in clients:
        client.settimeout(30)
    while time.perf_counter() < deadline:
        for client in clients:
            assert client.recv(SIP), "the server closed a connection"
        time.sleep(PAUSE)


def _rest(server: Server) -> int:
    reset_peak(server.pid)
    return kibibytes(server.pid, "VmRSS")


def _peak(server: Server) -> int:
    return kibibytes(server.pid, "VmHWM")


def _answers(server: Server) -> float:
    start = time.perf_counter()
    with urllib.request.urlopen(server.url("/healthz"), timeout=30) as answer:
        assert answer.status == 200
    return time.perf_counter() - start
