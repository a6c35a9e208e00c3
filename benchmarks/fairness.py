"""Latency of small files while others stream, and on an idle service."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from itertools import count

from benchmarks.client import curls, get
from benchmarks.compare import in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.programs import missing
from benchmarks.rows import Row, Skipped, Target, compared
from benchmarks.servers import service

TEBIBYTE = "/v1/weights?shape=16777216,16384&init=normal&seed="
TENSOR = "/v1/weights?shape=256,784&init=kaiming_normal&seed="
STREAMS = 4
AWHILE = 0.3  # seconds until the streams are under way


def fairness(effort: Effort) -> Iterator[Row]:
    """Medians of many requests, idle and loaded in turn; a new seed for every request."""
    absent = missing("curl")
    if absent:
        yield Skipped("latency while others stream", absent)
        return
    seeds = count(1)
    with service() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)

        def idle() -> float:
            return statistics.median(
                seconds(lambda: get(connection, f"{TENSOR}{next(seeds)}")) for _ in range(effort.requests)
            )

        def loaded() -> float:
            with curls(server, [f"{TEBIBYTE}{next(seeds)}" for _ in range(STREAMS)]):
                time.sleep(AWHILE)
                return idle()

        took = in_turn({"loaded": loaded, "idle": idle}, effort.downloads)
        connection.close()
    name = f"GET of a 256×784 tensor while {STREAMS} clients stream terabytes"
    yield compared(name, "the same, idle", took["loaded"], took["idle"], target=Target(5, maximum=True))
