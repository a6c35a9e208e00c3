"""Memory shortage: 503, and the next request succeeds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from service.server.app import create_app
from service.settings import Settings
from tests.conftest import started

TROUBLE = {
    "CUDA": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …"),
    "CPU": RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes"
    ),
    "Python": MemoryError(),
}
LOSS = {"input": [1.0, 2.0], "target": [1.0, 1.0]}
EVALUATION = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 2, "out_features": 3}],
    "input": {"shape": [4, 2], "init": "normal"},
    "target": {"classes": 3},
    "loss": "cross_entropy",
    "optimizer": "SGD",
    "steps": 1,
}


@pytest.fixture(scope="module")
def client() -> Any:
    with started(create_app(Settings.model_construct(threads=2, kernel_cache=None))) as found:
        yield found


@pytest.mark.parametrize("error", TROUBLE.values(), ids=TROUBLE)
@pytest.mark.parametrize(
    ("place", "path", "body"),
    [
        ("torch.nn.functional.mse_loss", "/v1/losses/mse_loss", LOSS),
        ("torch.nn.Linear.forward", "/v1/evaluations", EVALUATION),
        ("torch.Tensor.backward", "/v1/evaluations", EVALUATION),
        ("torch.optim.SGD.step", "/v1/evaluations", EVALUATION),
    ],
)
def test_out_of_memory(
    client: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, place: str, path: str, body: Any
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    assert client.post(path, json=body).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        answer = client.post(path, json=body)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:tensorseed:problem:out-of-memory"
    assert answer.headers["retry-after"]
    assert client.post(path, json=body).status_code == 200
