"""Latency and throughput while eight clients stream orthogonal matrices."""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from benchmarks.client import BUFFER, get
from benchmarks.compare import seconds
from benchmarks.effort import Effort
from benchmarks.rows import Reading, Row, Skipped, Target
from benchmarks.servers import Server, service

SQUARE = "/v1/weights?shape=16384,16384&init=orthogonal&dtype=float8_e5m2&seed={}"
PREPARED = "/v1/weights?shape=32768,4096&init=orthogonal&seed={}"
FROM = 134_217_728  # the first byte: half of the matrix, whose later rows take the most reflections
CLIENTS, PREPARING = 8, 6
WINDOWS = 30  # times as long as other rates are measured: a chunk of each client takes some 20 s
PAUSE = 0.05  # seconds between two requests of a client that is measured
PLAN = {"layers": [{"name": "fc", "type": "Linear", "in_features": 784, "out_features": 256}]}
TENSOR = "/v1/weights?shape=256,784&init=kaiming_normal&seed={}"
STREAM = "/v1/weights?shape=1500,1500&init=normal&seed={}"
EVALUATION = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 4, "out_features": 2}],
    "input": {"init": "normal", "shape": [8, 4]},
}

Probes = Mapping[str, Callable[[], object]]


@dataclass
class Streams:
    """Downloads under way, and the bytes that have come."""

    size: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def streams(server: Server, template: str, clients: int, start: int = 0) -> Iterator[Streams]:
    """Clients that read whatever comes until the end of the block, each on a connection and with a seed."""
    found, connections = Streams(), []
    for seed in range(clients):
        connection = socket.create_connection(("127.0.0.1", server.port))
        ranged = f"Range: bytes={start}-\r\n" if start else ""
        head = f"GET {template.format(seed)} HTTP/1.1\r\nHost: localhost\r\n{ranged}\r\n"
        connection.sendall(head.encode())
        connections.append(connection)
    reading = threading.Thread(target=_read, args=(connections, found))
    reading.start()
    try:
        yield found
    finally:
        found.ended.set()
        reading.join()
        for connection in connections:
            connection.close()


def _read(connections: Sequence[socket.socket], found: Streams) -> None:
    buffer = bytearray(BUFFER)
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while not found.ended.is_set():
            for key, _ in selector.select(0.1):
                count = key.fileobj.recv_into(buffer)  # type: ignore[union-attr]
                if not count:
                    selector.unregister(key.fileobj)
                found.size += count


def contention(effort: Effort) -> Iterator[Row]:
    """Latencies idle and loaded, the throughput of the load, and an evaluation beside preparations."""
    window = WINDOWS * effort.seconds
    with service() as server:
        idle = _latencies(server, window / 6)
        with streams(server, SQUARE, CLIENTS, FROM) as load:
            alone = _rate(load, lambda: time.sleep(window))
        loaded: dict[str, list[float]] = {}
        with streams(server, SQUARE, CLIENTS, FROM) as load:
            beside = _rate(load, lambda: loaded.update(_latencies(server, window)))
        yield from _rows(idle, loaded)
        name = f"bytes a second of {CLIENTS} clients of orthogonal matrices beside these, of those alone"
        if alone:
            yield Reading(name, beside / alone, "×", Target(0.5))
        else:
            yield Skipped(name, "not one of them got a chunk in time: give the machine to this alone")
        yield from _beside_preparations(server)


def _probes(connection: http.client.HTTPConnection) -> Probes:
    seeds = count(1_000)
    return {
        "plan of a layer": lambda: _post(connection, "/v1/weights/plan", PLAN),
        "256×784 tensor": lambda: get(connection, TENSOR.format(next(seeds))),
        "9 MB stream of normals": lambda: get(connection, STREAM.format(next(seeds))),
    }


def _post(connection: http.client.HTTPConnection, path: str, document: object) -> None:
    connection.request("POST", path, json.dumps(document))
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text[:500]


def _latencies(server: Server, window: float) -> dict[str, list[float]]:
    """The seconds of every request of `window` seconds, by what is asked for."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    probes = _probes(connection)
    took: dict[str, list[float]] = {name: [] for name in probes}
    until = time.perf_counter() + window
    while time.perf_counter() < until:
        for name, work in probes.items():
            took[name].append(seconds(work))
            time.sleep(PAUSE)
    connection.close()
    return took


def _rate(load: Streams, work: Callable[[], object]) -> float:
    size, start = load.size, time.perf_counter()
    work()
    return (load.size - size) / (time.perf_counter() - start)


def _rows(idle: Mapping[str, list[float]], loaded: Mapping[str, list[float]]) -> Iterator[Row]:
    for name, took in loaded.items():
        ratio = statistics.median(took) / statistics.median(idle[name])
        whose = f"{name} beside {CLIENTS} clients of orthogonal matrices"
        yield Reading(f"median of a {whose}, of its idle median", ratio, "×", Target(5, maximum=True))
        slowest = statistics.quantiles(took, n=100)[-1]
        yield Reading(f"99th percentile of a {whose}", slowest, "s", Target(1, maximum=True))


def _beside_preparations(server: Server) -> Iterator[Row]:
    """A small evaluation while long preparations are under way; torch is loaded before."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    _post(connection, "/v1/evaluations", EVALUATION)
    with streams(server, PREPARED, PREPARING):
        time.sleep(1)
        took = statistics.median(
            seconds(lambda: _post(connection, "/v1/evaluations", EVALUATION)) for _ in range(5)
        )
    connection.close()
    name = f"small evaluation beside {PREPARING} preparations of a minute"
    yield Reading(name, took, "s", Target(1, maximum=True))
