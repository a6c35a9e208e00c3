"""Downloads from one process and from two, and small files from two."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

from benchmarks.compare import in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.programs import missing, path_of
from benchmarks.rates import small_files
from benchmarks.rows import Row, Scale, Skipped, compared
from benchmarks.servers import Server, plain, service

CLIENTS = 8
COLUMNS = 1 << 20
BYTES_OF_FLOAT32 = 4
CONNECTIONS = 32
PATIENCE_SECONDS = 60.0  # until all processes serve
SETTLING_SECONDS = 8.0  # until both of the plain application do, which does not say so


def processes(effort: Effort) -> Iterator[Row]:
    """Files of normals to clients that discard them, a seed of its own for each; then small files."""
    for program, name, rows in (
        ("curl", "downloads from two processes", _downloads),
        ("wrk", "requests a second of one 256×784 tensor, two processes", _small_files),
    ):
        absent = missing(program)
        yield from (Skipped(name, absent),) if absent else rows(effort)


def _small_files(effort: Effort) -> Iterator[Row]:
    with service("--workers", "2") as ours, plain(2) as theirs:
        _wait_for(2, ours)
        time.sleep(SETTLING_SECONDS)
        yield from small_files(ours, theirs, (CONNECTIONS,), effort, ", two processes")


def _downloads(effort: Effort) -> Iterator[Row]:
    nbytes = effort.file_bytes // 2
    rows = nbytes // (CLIENTS * BYTES_OF_FLOAT32 * COLUMNS)
    seeds = count(1)
    with ExitStack() as stack:
        servers = {number: stack.enter_context(service("--workers", str(number))) for number in (1, 2)}
        _wait_for(2, servers[2])

        def measured(server: Server) -> float:
            paths = [
                f"/v1/weights?shape={rows},{COLUMNS}&init=normal&seed={next(seeds)}" for _ in range(CLIENTS)
            ]
            return seconds(lambda: _download([server.url(path) for path in paths]))

        samples = in_turn(
            {str(number): lambda server=server: measured(server) for number, server in servers.items()},  # type: ignore[misc]
            effort.rounds,
        )
    yield compared(
        f"{CLIENTS} curls of normals from a server of two processes",
        "of one process",
        samples["2"],
        samples["1"],
        Scale("GB/s", nbytes / 1e9),
    )


def _wait_for(processes: int, server: Server) -> None:
    """Wait until so many processes of the service serve: a server listens before all of them do."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _serving(server) < processes:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{processes} processes did not start to serve")
        time.sleep(0.1)


def _serving(server: Server) -> float:
    with urllib.request.urlopen(server.url("/metrics")) as answer:
        text: str = answer.read().decode()
    ready = re.search(r"^tensorseed_ready_processes ([\d.]+)$", text, re.MULTILINE)
    return float(ready[1]) if ready else 0.0


def _download(urls: list[str]) -> None:
    """Have a curl for each URL, and wait for all."""
    program = path_of("curl")
    assert program is not None
    running = [subprocess.Popen([program, "-sSf", "-o", "/dev/null", url]) for url in urls]
    for one in running:
        if one.wait():
            raise RuntimeError("a download failed")
