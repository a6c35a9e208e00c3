"""Limits of requests over HTTP, each at its bound and one beyond."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import safetensors.torch
import torch

from service.server.app import create_app
from service.settings import Settings
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import encode_token

JSON = {"Accept": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}
ONE = b'{"layers": [{"name": "w", "type": "Tensor", "shape": [4], "init": "ones"}]}'.ljust(2_000)
TEN = {"layers": [{"name": "h.{0..9}", "type": "Tensor", "shape": [1], "init": "ones"}]}
LITERAL = {
    "layers": [
        {"name": "w", "type": "Tensor", "shape": [5], "init": {"kind": "values", "data": [1, 2, 3, 4, 5]}}
    ]
}
TORCH = "/v1/weights?shape=10,10&init=normal&generator=torch"
PAIR = {"input": [1.0, 2.0], "target": [1.0, 2.0]}
FILE = safetensors.torch.save({"input": torch.ones(300), "target": torch.zeros(300)})
NETWORK = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 3, "out_features": 2}],
    "input": {"shape": [5, 3], "init": "normal"},
    "target": {"classes": 2},
    "loss": "cross_entropy",
    "optimizer": {"kind": "SGD", "lr": 0.1},
    "steps": 4,
}


def token() -> str:
    """That of the file of `ONE`."""
    from tensorseed.spec.limits import Limits

    return encode_token(parse_spec(ONE, Limits()))


class Case(NamedTuple):
    """A request that uses all of a setting's room, and the status that it has with one less."""

    room: int
    status: int
    method: str
    path: str
    arguments: dict[str, Any]


CASES = {
    "body_bytes": Case(len(ONE), 413, "POST", "/v1/weights/plan", {"content": ONE}),
    "json_elements": Case(100, 406, "GET", "/v1/weights?shape=10,10&init=ones", {"headers": JSON}),
    "tensors": Case(10, 422, "POST", "/v1/weights/plan", {"json": TEN}),
    "name_chars": Case(38, 422, "POST", "/v1/weights/plan", {"json": TEN}),
    "values": Case(5, 422, "POST", "/v1/weights/plan", {"json": LITERAL}),
    "file_bytes": Case(400, 413, "GET", "/v1/weights?shape=10,10&init=ones", {}),
    "token_chars": Case(len(token()), 404, "GET", f"/v1/weights/{token()}", {}),
    "dimensions": Case(3, 422, "GET", "/v1/weights?shape=2,2,2&init=ones", {}),
    "materialised_bytes": Case(400, 413, "GET", TORCH, {}),
    "digest_bytes": Case(0, 413, "GET", f"/v1/weights/{token()}/digest", {}),
    "loss_values": Case(4, 413, "POST", "/v1/losses/mse_loss", {"json": PAIR}),
    "loss_bytes": Case(len(FILE), 413, "POST", "/v1/losses/mse_loss", {"content": FILE, "headers": OCTETS}),
    "parameters": Case(8, 413, "POST", "/v1/evaluations", {"json": NETWORK}),
    "activations": Case(15, 413, "POST", "/v1/evaluations", {"json": NETWORK}),
    "steps": Case(4, 413, "POST", "/v1/evaluations", {"json": NETWORK}),
}
ELSEWHERE = {
    "url_bytes": "tests/service/server/connections/test_protocol.py",
    "header_bytes": "tests/service/server/connections/test_protocol.py",
    "header_seconds": "tests/service/server/connections/test_protocol.py",
    "idle_seconds": "tests/service/server/connections/test_protocol.py",
    "keep_alive_seconds": "tests/service/server/connections/test_protocol.py",
    "grace_seconds": "tests/service/server/test_graceful_shutdown.py",
    "streams": "tests/service/http/test_concurrency_limit.py",
    "evaluations": "tests/service/http/test_concurrency_limit.py",
    "evaluation_seconds": "tests/service/evaluations/test_routes.py",
    "key_requests": "tests/service/server/test_rate_limits.py",
    "key_bytes": "tests/service/server/test_rate_limits.py",
    "shard_bytes": "tests/service/hub",
    "listing_digest_bytes": "tests/service/hub",
    "recipe_seconds": "tests/tensorseed/checkpoints",
    "recipe_bytes": "tests/tensorseed/checkpoints",
    "memory_bytes": "tests/service/http/test_memory.py",
}
NO_LIMITS = {
    *("host", "port", "uds", "log_level", "log_format", "access_log", "metrics_port", "traces", "keys_file"),
    *("cors_origins", "workers", "notice_seconds", "threads", "chunk_bytes", "window", "kernel_cache"),
    *("portable_kernels", "cache_tensors", "recipes", "aliases", "answer_bytes"),
    *("root_path", "trusted_proxies", "shared_cache_bytes"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_below_and_one_above(start: Callable[..., AbstractContextManager[Any]], name: str) -> None:
    case = CASES[name]
    room = case.room or len_of_file(start)
    for less, status in ((0, 200), (1, case.status)):
        settings = Settings.model_construct(threads=1, **{name: room - less})
        with start(create_app(settings)) as client:
            answer = client.request(case.method, case.path, **case.arguments)
            assert answer.status_code == status, answer.text
    told = json.loads(answer.content)
    assert told["detail"]
    assert "Traceback" not in answer.text


def len_of_file(start: Callable[..., AbstractContextManager[Any]]) -> int:
    """The size of the file of `ONE`."""
    with start(create_app(Settings.model_construct(threads=1))) as client:
        return int(client.post("/v1/weights/plan", content=ONE).json()["size"])


def test_every_setting_that_bounds_a_request_is_tried() -> None:
    assert CASES.keys() | ELSEWHERE.keys() | NO_LIMITS == Settings.model_fields.keys()
    assert not (CASES.keys() | ELSEWHERE.keys()) & NO_LIMITS
    for name, place in ELSEWHERE.items():
        path = Path(__file__).parents[3] / place
        files = path.rglob("*.py") if path.is_dir() else [path]
        assert any(name in file.read_text() for file in files), name
