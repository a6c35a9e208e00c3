"""Ranges of one MiB anywhere in a tebibyte, in process and over HTTP."""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.client import get, plan
from benchmarks.compare import Work, in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.generation import CACHE
from benchmarks.rows import Comparison, Row, Target, compared
from benchmarks.servers import service
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.executors.kernel_cache import compile_kernels
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

SPEC = {"layers": [{"name": "w.{0..511}", "type": "Tensor", "shape": [16384, 32768], "init": "normal"}]}
LENGTH = 1 << 20
BATCH = 20  # reads in a row of each side

Read = Callable[[int], object]


def ranges(effort: Effort) -> Iterator[Row]:
    """Offsets that no other request has asked for."""
    compile_kernels(CACHE)
    file = open_file(parse_spec(json.dumps(SPEC).encode(), Limits()))
    yield _compare("in process", file.size, effort, lambda offset: file.read(offset, offset + LENGTH))
    with service() as server:
        url, size, _ = plan(server, SPEC)
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        read = _reader(connection, url)
        yield _compare("over HTTP", size, effort, read)
        connection.close()


def _reader(connection: http.client.HTTPConnection, url: str) -> Read:
    return lambda offset: get(connection, url, (offset, offset + LENGTH))


def _compare(where: str, size: int, effort: Effort, read: Read) -> Comparison:
    anywhere = iter(np.random.default_rng(0).integers(0, size - LENGTH, effort.requests + BATCH).tolist())
    took = in_turn(
        {"random": lambda: median(lambda: read(next(anywhere))), "start": lambda: median(lambda: read(0))},
        effort.requests // BATCH,
    )
    name = f"1 MiB range at a random offset of a 1 TiB file, {where}"
    target = Target(1.1, maximum=True)
    return compared(name, "the same at offset 0", took["random"], took["start"], target=target)


def median(read: Work) -> float:
    """Seconds of a read, the median of some in a row."""
    return statistics.median(seconds(read) for _ in range(BATCH))
