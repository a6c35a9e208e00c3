"""Downloads of files of many tensors, against one tensor of as many bytes."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from functools import partial
from itertools import count

from benchmarks.client import curl, plan
from benchmarks.compare import in_turn, seconds
from benchmarks.effort import QUICK, Effort
from benchmarks.programs import missing
from benchmarks.rows import Row, Scale, Skipped, Target, compared
from benchmarks.servers import Server, service

TOTAL = 1 << 26  # elements of a file, of 4 bytes
AT_LEAST = {10_000: 0.9, 100_000: 0.5}  # times the speed of one tensor, by tensors
SHARD = "model-00100-of-00270.safetensors"  # of routed experts


def many_tensors(effort: Effort) -> Iterator[Row]:
    """Files of 256 MiB, and a shard of the largest recipe, each of a seed of its own and opened before."""
    absent = missing("curl")
    if absent:
        yield Skipped("downloads of many tensors", absent)
        return
    seeds = count(1)
    with service() as server:
        sides = {str(number): partial(_file, server, number, seeds) for number in (1, *AT_LEAST)}
        took = in_turn(sides, effort.rounds)
        for number, bound in AT_LEAST.items():
            name, scale = f"curl of 256 MiB in {number:,} tensors", Scale("GB/s", 4 * TOTAL / 1e9)
            yield compared(name, "in one tensor", took[str(number)], took["1"], scale, Target(bound))
        if effort is not QUICK:
            yield _shard_row(server, seeds, effort)


def _file(server: Server, tensors: int, seeds: Iterator[int]) -> float:
    """Seconds of a download, once the plan has opened the file."""
    shape = [TOTAL // tensors]
    layer = {"name": f"t{{1..{tensors}}}", "type": "Tensor", "init": "normal", "shape": shape}
    url, _, _ = plan(server, {"seed": next(seeds), "layers": [layer]})
    return seconds(lambda: curl(server.url(url)))


def _shard_row(server: Server, seeds: Iterator[int], effort: Effort) -> Row:
    """A shard of routed experts in bfloat16, once its header has been sent."""

    def path(seed: int) -> str:
        return f"/tensorseed/deepseek-v3/resolve/seed-{seed}/{SHARD}"

    size = _size(server, path(0))

    def shard() -> float:
        url = path(next(seeds))
        _size(server, url)
        return seconds(lambda: curl(server.url(url)))

    def one() -> float:
        query = f"shape={size // 2 >> 14},{1 << 14}&init=normal&std=0.02&dtype=bfloat16&seed={next(seeds)}"
        return seconds(lambda: curl(server.url(f"/v1/weights?{query}")))

    took = in_turn({"shard": shard, "one": one}, effort.downloads)
    name, scale = "curl of a shard of deepseek-v3", Scale("GB/s", size / 1e9)
    return compared(name, "one tensor of its size", took["shard"], took["one"], scale, Target(0.9))


def _size(server: Server, path: str) -> int:
    """Bytes of a file, by HEAD."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("HEAD", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200, path
    return int(answer.headers["Content-Length"])
