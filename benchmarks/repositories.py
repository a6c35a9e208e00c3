"""HEAD and header of a large recipe's shards, against a small file."""

from __future__ import annotations

import http.client
import random
from collections.abc import Callable, Iterator
from itertools import count

from benchmarks.compare import in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.rows import Row, Target, compared
from benchmarks.servers import Server, service

SHARDS = 270  # of DeepSeek-V3, 671 billion parameters in 45,000 tensors
SMALL = "/tensorseed/tiny-llama/resolve/seed-{}/model.safetensors"
ROUNDS = 40  # of requests that take milliseconds
MOST = 3.0  # times as long as a small file's HEAD


def repositories(effort: Effort) -> Iterator[Row]:
    """Every request is of a seed that the service has not seen; shards come in any order."""
    seeds, shards = count(1), random.Random(7)

    def large() -> str:
        number = shards.randint(1, SHARDS)
        return (
            f"/tensorseed/deepseek-v3/resolve/seed-{next(seeds)}/model-{number:05}-of-{SHARDS:05}.safetensors"
        )

    def small() -> str:
        return SMALL.format(next(seeds))

    rounds = min(ROUNDS, effort.rounds * 10)
    with service() as server:
        for name, ask in (("HEAD", _head), ("header", _header)):
            took = in_turn({"large": _of(server, ask, large), "small": _of(server, ask, small)}, rounds)
            what = f"{name} of any shard of deepseek-v3, of any seed"
            target = Target(MOST, maximum=True) if name == "HEAD" else None
            yield compared(what, "of tiny-llama's file", took["large"], took["small"], target=target)


def _of(server: Server, ask: Callable[[Server, str], None], path: Callable[[], str]) -> Callable[[], float]:
    return lambda: seconds(lambda: ask(server, path()))


def _head(server: Server, path: str) -> None:
    _ask(server, "HEAD", path)


def _header(server: Server, path: str) -> None:
    """The length of the header, and then the header, as readers of safetensors ask for it."""
    length = int.from_bytes(_ask(server, "GET", path, (0, 8)), "little")
    assert len(_ask(server, "GET", path, (8, 8 + length))) == length


def _ask(server: Server, method: str, path: str, part: tuple[int, int] | None = None) -> bytes:
    headers = {"Range": f"bytes={part[0]}-{part[1] - 1}"} if part else {}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == (206 if part else 200), path
    return body
