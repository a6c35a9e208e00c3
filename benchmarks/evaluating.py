"""Evaluation of eight layers by HTTP, against the same in plain torch."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.compare import compare, in_turn, seconds
from benchmarks.effort import Effort
from benchmarks.plain_evaluation import CLASSES, FEATURES, LAYERS, RATE, SAMPLES, STEPS, evaluate
from benchmarks.rows import Row, Target, compared
from benchmarks.servers import Server, service
from benchmarks.starting import POLL, is_ready

BODY = {  # that of docs/evaluations.md
    "layers": [
        {
            "name": f"hidden.{{1..{LAYERS}}}",
            "type": "Linear",
            "in_features": FEATURES,
            "out_features": FEATURES,
        },
        {"name": f"hidden.{{1..{LAYERS}}}.act", "type": "ReLU"},
        {"name": "head", "type": "Linear", "in_features": FEATURES, "out_features": CLASSES},
    ],
    "input": {"shape": [SAMPLES, FEATURES], "init": "normal"},
    "target": {"classes": CLASSES},
    "loss": "cross_entropy",
    "optimizer": {"kind": "Adam", "lr": RATE},
    "steps": STEPS,
    "compare": [
        {"label": "zeros", "init": {"weight": "zeros"}},
        {"label": "normal", "init": {"weight": {"kind": "normal", "std": 0.02}, "bias": "zeros"}},
        {"label": "xavier", "init": {"weight": "xavier_normal", "bias": "zeros"}},
        {"label": "kaiming", "init": {"weight": "kaiming_normal", "bias": "zeros"}},
    ],
}
COLD = """
import time
start = time.perf_counter()
from benchmarks.plain_evaluation import evaluate
evaluate()
print(time.perf_counter() - start)
"""
NAME = f"evaluation of {LAYERS} layers, 4 inits, {STEPS} steps"


def evaluating(effort: Effort) -> Iterator[Row]:
    """Warm: any request but the first of a server. Cold: the first, which imports torch, as theirs does."""
    with service() as server:
        yield compare(
            f"{NAME}, warm",
            lambda: post(server),
            "the same written in plain torch, in process",
            evaluate,
            2 * effort.rounds + 1,
            target=Target(1.5, maximum=True),
        )
    took = in_turn({"ours": first, "theirs": first_of_torch}, effort.rounds + 2)
    against = "the same in plain torch, from its import on"
    yield compared(f"{NAME}, cold", against, took["ours"], took["theirs"], target=Target(3, maximum=True))


def post(server: Server) -> None:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/v1/evaluations", json.dumps(BODY))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, text
    assert len(json.loads(text)["reports"]) == 4


def first() -> float:
    """Seconds of the first evaluation of a server that is ready."""
    with service() as server:
        while not is_ready(server.port):
            time.sleep(POLL)
        return seconds(lambda: post(server))


def first_of_torch() -> float:
    """Seconds of the first evaluation of an interpreter, from before it imports torch."""
    command = [sys.executable, "-c", COLD]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
