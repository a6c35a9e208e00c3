"""Throughput by bytes of a file, tensors in it, clients and threads."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.client import downloads, drain, plan, rate
from benchmarks.effort import QUICK, Effort
from benchmarks.rows import Curve, Row
from benchmarks.servers import Server, service

GB = 1e9
SIZES = [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 27, 1 << 30, 1 << 36]
TENSORS = [1, 10, 100, 1_000, 10_000, 100_000]
TOTAL = 1 << 26  # elements of a file, however many tensors it has
CLIENTS = [1, 2, 4, 8, 16, 32, 64]
THREADS = [1, 2, 4]
INITS = ("normal", "zeros")

Points = list[tuple[float, float]]


def growth(effort: Effort) -> Iterator[Row]:
    """Four curves of throughput, and one of the time that a plan takes."""
    step = 3 if effort is QUICK else 1
    with service() as server:
        lines = {init: [_size(server, init, size, effort) for size in SIZES[::step]] for init in INITS}
        yield Curve("file size", "bytes", "GB/s", lines)
        yield from _tensors(server, TENSORS[::step], effort)
        lines = {init: [_clients(server, init, n, effort) for n in CLIENTS[::step]] for init in INITS}
        yield Curve("clients", "clients", "GB/s", lines)
    many: Points = []
    single: Points = []
    for threads in THREADS:
        with service("--threads", str(threads)) as server:
            single.append((threads, _clients(server, "normal", 1, effort)[1]))
            many.append((threads, _clients(server, "normal", 4, effort)[1]))
    yield Curve("threads", "threads", "GB/s", {"normal, 1 client": single, "normal, 4 clients": many})


def _size(server: Server, init: str, size: int, effort: Effort) -> tuple[float, float]:
    """Throughput of files of one size, one after another on one connection."""
    path = f"/v1/weights?shape={size // 1024},256&init={init}&seed=1"
    rate(server, path, 0.1)
    return size, rate(server, path, effort.seconds) / GB


def _tensors(server: Server, counts: list[int], effort: Effort) -> Iterator[Row]:
    """Throughput of files of one size and ever more tensors; and how long each takes to plan."""
    speeds: Points = []
    plans: Points = []
    for number in counts:
        layer = {"name": f"t{{1..{number}}}", "type": "Tensor", "init": "normal", "shape": [TOTAL // number]}
        url, _, took = plan(server, {"layers": [layer]})
        rate(server, url, 0.1)
        plans.append((number, took))
        speeds.append((number, rate(server, url, effort.seconds) / GB))
    yield Curve("tensors in a file of 256 MiB", "tensors", "GB/s", {"normal": speeds})
    yield Curve("tensors in a plan", "tensors", "s", {"plan, the first time": plans})


def _clients(server: Server, init: str, number: int, effort: Effort) -> tuple[float, float]:
    """Throughput of all clients together, each with a file of a tebibyte of its own."""
    paths = [f"/v1/weights?shape=16777216,16384&init={init}&seed={seed}" for seed in range(number)]
    with downloads(server, paths) as connections:
        drain(connections, 0.3)
        return number, drain(connections, effort.seconds) / effort.seconds / GB
