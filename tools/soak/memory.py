"""Memory shortage: a limited server, and requests that need more."""

from __future__ import annotations

import http.client
import json
import resource
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.soak.replicas import Replica, digest, plan, running

SPARE = 96 << 20  # bytes that the server may take beside what it has
SAMPLES, WIDTH = 60_000, 1_000  # of a network whose one output has 240 MB
ELEMENTS = 1 << 22
LEVEL = 64 << 20


@dataclass(frozen=True, slots=True)
class Starved:
    """What a server answered that had not the memory."""

    asked: int
    refused: int  # answered 503 with the problem that says so, and when to come again
    served: int  # modest requests right after, answered well
    right: bool  # whether a download right after had the digest that it had before
    before: int  # bytes of memory
    after: int

    @property
    def borne(self) -> bool:
        """Whether every request was refused as it should be, and nothing was lost."""
        settled = self.after <= self.before + LEVEL
        return self.asked == self.refused == self.served and self.right and settled


def starve(times: int) -> Starved:
    """Ask so often for an evaluation that needs more than there is, and then for one that does not."""
    replica = Replica(TENSORSEED_ACTIVATIONS=str(1 << 27), TENSORSEED_MEMORY_BYTES=str(1 << 32))
    with running(replica):
        path = plan(replica.port, ELEMENTS)["url"]
        alone = digest(replica.port, path)
        for _ in range(2):  # what computes is loaded and its threads run
            _evaluate(replica.port, 100)
        before = replica.resident()
        most = _data(replica.pid) + SPARE
        resource.prlimit(replica.pid, resource.RLIMIT_DATA, (most, most))
        refused = served = 0
        right = True
        for _ in range(times):
            status, document = _evaluate(replica.port, SAMPLES)
            refused += status == 503 and document.get("type") == "urn:tensorseed:problem:out-of-memory"
            served += _evaluate(replica.port, 100)[0] == 200
            right = right and digest(replica.port, path) == alone
        return Starved(times, refused, served, right, before, replica.resident())


def _data(pid: int) -> int:
    """The bytes that count for the limit: private memory that can be written."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmData:")[2].split()[0]) << 10


def _evaluate(port: int, samples: int) -> tuple[int, dict[str, Any]]:
    network = {
        "layers": [{"name": "fc", "type": "Linear", "in_features": 2, "out_features": WIDTH}],
        "input": {"shape": [samples, 2], "init": "normal"},
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with closing(connection):
        connection.request("POST", "/v1/evaluations", json.dumps(network))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
