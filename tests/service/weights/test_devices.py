"""A second device over HTTP: listing, equal bytes and failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from service.server.app import create_app
from service.server.health import Readiness
from service.settings import Settings
from service.weights.catalog import DeviceList
from tensorseed.devices.registry import Devices as DevicesOfHost
from tests.conftest import started
from tests.tensorseed.devices.fake import BROKEN, GIB, FakeDevice

WEIGHTS = "/v1/weights?shape=256,784&init=kaiming_normal&seed=5"
SPEC = (
    '{"device": "cuda:0", "layers": [{"name": "w", "type": "Tensor", "shape": [90, 90], "init": "normal"}]}'
)


@pytest.fixture
def fake() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def client(settings: Settings, fake: FakeDevice) -> Iterator[Any]:
    """A client of a service that has a second device."""
    app = create_app(settings)
    app.state.worker._devices = DevicesOfHost(lambda: [fake])
    with started(app) as running:
        yield running


def test_it_is_listed(client: Any) -> None:
    answer = client.get("/v1/devices").json()
    assert [device.name for device in DeviceList.model_validate(answer).devices] == ["cpu", "cuda:0"]
    assert answer["devices"][1] == {
        "name": "cuda:0",
        "description": "Fake 1",
        "memory": {"total": 8 * GIB, "free": 3 * GIB},
        "runs": ["weights", "losses", "evaluations"],
    }


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=1001-60007"}, {"Range": "bytes=0-9,5000-12345"}])
def test_its_bytes_are_those_of_the_cpu(client: Any, fake: FakeDevice, headers: dict[str, str]) -> None:
    plain = client.get(WEIGHTS, headers=headers)
    assert not fake.events
    answer = client.get(f"{WEIGHTS}&device=cuda", headers=headers)
    assert fake.noted("begin")
    assert (answer.status_code, answer.headers["etag"]) == (plain.status_code, plain.headers["etag"])
    assert answer.content == plain.content


def test_numbers_are_those_of_the_cpu(client: Any) -> None:
    path, headers = "/v1/weights?shape=8,4&init=normal", {"Accept": "application/json"}
    assert (
        client.get(f"{path}&device=cuda", headers=headers).json() == client.get(path, headers=headers).json()
    )


def test_out_of_memory_is_a_503_that_names_the_sizes(client: Any, fake: FakeDevice) -> None:
    fake.trouble = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …")
    answer = client.post("/v1/weights", content=SPEC)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json() == {
        "type": "urn:tensorseed:problem:out-of-memory",
        "title": "Not enough memory at the moment",
        "status": 503,
        "detail": "cuda:0 ran out of memory, 20.0 GiB more were needed and 3.0 GiB were free: "
        "try again later, ask for less at a time, or name another device",
    }
    fake.trouble = None
    assert client.post("/v1/weights", content=SPEC).status_code == 200


@pytest.mark.parametrize(("device", "asked"), [("auto", [("losses", 6)]), ("cpu", [])])
def test_a_loss_asks_for_the_place_that_auto_stands_for(
    client: Any, monkeypatch: pytest.MonkeyPatch, device: str, asked: list[tuple[str, int]]
) -> None:
    chosen: list[tuple[str, int]] = []

    def choose(work: str, elements: int) -> str:
        chosen.append((work, elements))
        return "cpu"

    monkeypatch.setattr(client.app.state.worker, "choose", choose)
    tensors = {"input": [1.0, 2.0, 3.0], "target": [1.0, 2.0, 2.0]}
    answer = client.post("/v1/losses/mse_loss", json={**tensors, "device": device})
    assert (answer.status_code, answer.json()["device"]) == (200, "cpu")
    assert chosen == asked


def test_a_failed_device_is_a_409_and_ready_tells(client: Any, fake: FakeDevice) -> None:
    fake.trouble = RuntimeError(BROKEN)
    detail = "cuda:0 failed and computes nothing before the service is restarted: use device auto"
    for _ in range(2):
        answer = client.post("/v1/weights", content=SPEC)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:tensorseed:problem:missing-device")
        assert answer.json()["detail"] == detail
    assert [row["name"] for row in client.get("/v1/devices").json()["devices"]] == ["cpu"]
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "failed_devices": [{"name": "cuda:0", "detail": detail}]}
    Readiness.model_validate(ready.json())
    assert client.get("/healthz").json() == {"status": "ok"}
    warnings = client.post("/v1/weights/plan", content=SPEC).json()["warnings"]
    assert [(row["code"], row["detail"].startswith(detail)) for row in warnings] == [("device", True)]
    assert client.post("/v1/weights", content=SPEC.replace("cuda:0", "auto")).status_code == 200
