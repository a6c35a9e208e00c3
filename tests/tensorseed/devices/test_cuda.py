"""Order of computation, copy and wait of chunks on fake CUDA streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tensorseed.devices.cuda import Cuda, cuda_devices
from tests.tensorseed.devices.test_base import mixed


class Stream:
    """Notes what is asked of it."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log = log
        self.name = name

    def __enter__(self) -> None:
        self.log.append(f"enter {self.name}")

    def __exit__(self, *_: object) -> None:
        self.log.append(f"leave {self.name}")

    def wait_stream(self, other: Stream) -> None:
        self.log.append(f"{self.name} waits for {other.name}")

    def record_event(self, event: Any) -> Any:
        self.log.append(f"event of {self.name}")
        return event


class Event:
    """An event that was waited for, and how."""

    def __init__(self, log: list[str], *, blocking: bool) -> None:
        assert blocking, "a thread that spins keeps the others from computing"
        self.log = log

    def synchronize(self) -> None:
        self.log.append("synchronize")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    log: list[str] = []
    names = iter(["first", "second"])
    empty = torch.empty

    def pinned(*size: int, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        assert pin_memory
        return empty(*size, **options)

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream(log, next(names)))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "Event", lambda blocking: Event(log, blocking=blocking))
    monkeypatch.setattr(torch, "empty", pinned)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda _, stream: log.append(f"kept for {stream.name}"), raising=False
    )
    return log


def test_a_copy_waits_for_the_computing_and_the_host_for_the_copy(log: list[str]) -> None:
    device, values = Cuda("cuda:0"), torch.arange(9, dtype=torch.uint8)
    with device.current():
        arrived = device.send(values)
    assert log == [
        "enter first",
        "second waits for first",
        "enter second",
        "leave second",
        "kept for second",
        "event of second",
        "leave first",
    ]
    assert arrived().tolist() == values.tolist()
    assert log[-1] == "synchronize"


def test_a_gpu_that_cannot_be_asked_has_no_known_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> Any:
        raise RuntimeError("CUDA error: unknown")

    monkeypatch.setattr(torch.cuda, "mem_get_info", fails)
    assert Cuda("cuda:0").memory() is None


def test_its_memory_is_total_and_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda name: (5, 9))
    memory = Cuda("cuda:0").memory()
    assert memory is not None
    assert (memory.total, memory.free) == (9, 5)


def test_there_are_as_many_as_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [device.name for device in cuda_devices()] == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize("device", cuda_devices(), ids=lambda device: device.name)
def test_a_real_gpu_fills_chunks_with_the_bytes_of_the_cpu(device: Cuda) -> None:
    file = mixed()
    whole = file.read(0, file.size)
    for start, stop in [(0, file.size), (77, 15_433)]:
        out = np.empty(start % 16 + stop - start, np.uint8)[start % 16 :]
        device.start(file, start, out)()
        assert np.array_equal(out, whole[start:stop])
