"""Many downloads at a time from one process of a server, and from two."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

from benchmarks.compare import in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.programs import missing, path_of
from benchmarks.rows import Row, Scale, Skipped, compared
from benchmarks.servers import Server, service

CLIENTS = 8
COLUMNS = 1 << 20
BYTES_OF_FLOAT32 = 4


def processes(effort: Effort) -> Iterator[Row]:
    """Files of normals to clients that discard them, a seed of its own for each file."""
    absent = missing("curl")
    if absent:
        yield Skipped("downloads from two processes", absent)
        return
    rows = effort.file_bytes // (CLIENTS * BYTES_OF_FLOAT32 * COLUMNS)
    seeds = count(1)
    with ExitStack() as stack:
        servers = {number: stack.enter_context(service("--workers", str(number))) for number in (1, 2)}

        def measured(server: Server) -> float:
            paths = [
                f"/v1/weights?shape={rows},{COLUMNS}&init=normal&seed={next(seeds)}" for _ in range(CLIENTS)
            ]
            return seconds(lambda: _download([server.url(path) for path in paths]))

        samples = in_turn(
            {str(number): lambda server=server: measured(server) for number, server in servers.items()},  # type: ignore[misc]
            effort.rounds,
        )
    nbytes = CLIENTS * rows * COLUMNS * BYTES_OF_FLOAT32
    yield compared(
        f"{CLIENTS} curls of normals from a server of two processes",
        "of one process",
        samples["2"],
        samples["1"],
        Scale("GB/s", nbytes / 1e9),
    )


def _download(urls: list[str]) -> None:
    """Have a curl for each URL, and wait for all."""
    program = path_of("curl")
    assert program is not None
    running = [subprocess.Popen([program, "-sSf", "-o", "/dev/null", url]) for url in urls]
    for one in running:
        if one.wait():
            raise RuntimeError("a download failed")
