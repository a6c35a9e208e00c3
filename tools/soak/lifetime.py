"""Long life of one server: distinct specs, evaluations and preparations."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from tools.soak.replicas import Replica, running

LEVEL = 48 << 20  # bytes that the second half of a life may add to its first

Request = tuple[str, str, Any]
"""Method, target and document."""


@dataclass(frozen=True, slots=True)
class Life:
    """The memory of a server over as many requests."""

    requests: int
    right: int  # answered 200
    begun: int  # bytes of memory after the first tenth
    half: int
    ended: int

    @property
    def settled(self) -> bool:
        """Whether memory has reached its level by the half, and every answer is right."""
        return self.right == self.requests and self.ended <= self.half + LEVEL


def spec(number: int) -> Request:
    """A plan of a spec that nobody has sent before, of 32 tensors."""
    entry = {"name": f"s{number}.{{0..31}}", "type": "Tensor", "shape": [8, number + 1], "init": "normal"}
    return "POST", "/v1/weights/plan", {"seed": number, "layers": [entry]}


def evaluation(number: int) -> Request:
    """An evaluation of a network whose shape nobody has sent before."""
    width, inputs = number % 250 + 2, number // 250 + 2
    network = [
        {"name": "a", "type": "Linear", "in_features": inputs, "out_features": width},
        {"name": "b", "type": "Linear", "in_features": width, "out_features": 3},
    ]
    return "POST", "/v1/evaluations", {"layers": network, "input": {"shape": [4, inputs], "init": "normal"}}


def preparation(number: int) -> Request:
    """A file whose thin orthogonal matrix is prepared, and kept if there is room."""
    return "GET", f"/v1/weights?shape={512 + number % 7},48&init=orthogonal&seed={number}", None


def loss(number: int) -> Request:
    """A loss of tensors whose shape nobody has sent before."""
    values = [0.5] * (number % 500 + 1)
    return (
        "POST",
        "/v1/losses/mse_loss",
        {"input": [values] * (number // 500 + 1), "target": [values] * (number // 500 + 1)},
    )


KINDS: dict[str, Callable[[int], Request]] = {
    "plans of specs": spec,
    "evaluations of shapes": evaluation,
    "orthogonal matrices to prepare": preparation,
    "losses of shapes": loss,
}
"""Requests of which no two are equal."""


def live(count: int, request: Callable[[int], Request], **environment: str) -> Life:
    """The memory of one server over `count` requests of a kind."""
    replica = Replica(**environment)
    with running(replica), _connected(replica.port) as ask:
        right, levels = 0, []
        for number in range(count):
            right += ask(*request(number)) == 200
            if number + 1 in (count // 10, count // 2, count):
                levels.append(replica.resident())
        return Life(count, right, *levels)


@contextmanager
def _connected(port: int) -> Iterator[Callable[[str, str, Any], int]]:
    """Asks over one connection; the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(method: str, target: str, document: Any) -> int:
        connection.request(method, target, None if document is None else json.dumps(document))
        with connection.getresponse() as answer:
            while answer.read(1 << 20):
                pass
            return answer.status

    with closing(connection):
        yield ask
