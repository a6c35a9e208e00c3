"""Errors of a device, and chunks that an accelerator fills."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch

from tensorseed.devices.registry import Cpu, available_devices
from tensorseed.errors import CapacityError, DeviceError, SpecError
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.devices.fake import BROKEN, FakeDevice

LAYERS = [
    {"name": "a", "type": "Tensor", "shape": [37, 61], "init": "normal"},
    {"name": "b", "type": "Embedding", "num_embeddings": 50, "embedding_dim": 7, "padding_idx": 3},
    {"name": "c", "type": "Tensor", "shape": [20, 20], "init": "orthogonal"},
    {"name": "d", "type": "Tensor", "shape": [30, 9], "init": {"kind": "sparse", "sparsity": 0.5}},
    {"name": "e", "type": "Tensor", "shape": [333], "init": "uniform", "dtype": "bfloat16"},
    {"name": "f", "type": "Tensor", "shape": [333], "init": "uniform", "dtype": "float64"},
]


def mixed() -> VirtualFile:
    return open_file(parse_spec(json.dumps({"device": "cuda", "layers": LAYERS}).encode(), Limits()))


def test_a_chunk_holds_the_bytes_of_the_compiled_loops_wherever_it_begins():
    file, device = mixed(), FakeDevice()
    whole = file.read(0, file.size)
    for start, stop in [(0, file.size), (len(file.header) + 1, file.size - 3), (9_001, 9_002), (77, 15_433)]:
        out = np.empty(start % 16 + stop - start, np.uint8)[start % 16 :]
        land = device.start(file, start, out)
        land()
        assert np.array_equal(out, whole[start:stop])
    assert device.noted("send")


def test_it_waits_for_nothing_before_the_end_is_asked_for():
    file, device = mixed(), FakeDevice()
    land = device.start(file, 0, np.empty(file.size, np.uint8))
    assert not device.noted("arrive")
    land()
    assert len(device.noted("arrive")) == len(device.noted("send"))


def test_out_of_memory_names_the_device_and_the_sizes():
    device = FakeDevice()
    told = device.translate_error(
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0")
    )
    assert isinstance(told, CapacityError)
    assert str(told) == (
        "cuda:0 ran out of memory, 20.5 GiB more were needed and 3.0 GiB were free: "
        "try again later, ask for less at a time, or name another device"
    )
    assert device.healthy


def test_sizes_that_are_not_known_are_left_out(monkeypatch):
    device = FakeDevice()
    monkeypatch.setattr(device, "memory", lambda: None)
    assert str(device.translate_error(MemoryError())).startswith(
        "cuda:0 ran out of memory, more was needed: try"
    )


def test_a_breakdown_takes_the_device_out_of_service_and_is_logged_once(caplog):
    device = FakeDevice()
    with caplog.at_level(logging.ERROR):
        told = [device.translate_error(RuntimeError(BROKEN)) for _ in range(3)]
    assert not device.healthy
    assert {type(error) for error in told} == {DeviceError}
    assert "illegal memory access" not in str(told[0])
    assert len(caplog.records) == 1
    with pytest.raises(DeviceError, match="cuda:0 failed"):
        device.start(mixed(), 0, np.empty(9, np.uint8))


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shapes differ"), SpecError.at("", "x")])
def test_any_other_error_stays_what_it_is(error):
    device = FakeDevice()
    assert device.translate_error(error) is error
    with pytest.raises(type(error)) as caught, device.translating_errors():
        raise error
    assert caught.value is error
    assert device.healthy


def test_the_cpu_does_not_answer_for_the_breakdown_of_another_device():
    cpu, error = Cpu(), RuntimeError(BROKEN)
    assert cpu.translate_error(error) is error
    assert cpu.healthy


def test_explaining_says_nothing_of_the_inside():
    with pytest.raises(CapacityError) as caught, Cpu().translating_errors():
        np.empty(1 << 62, np.uint8)
    assert "4.0 EiB more were needed" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_every_device_tells_what_it_is():
    devices = available_devices()
    assert devices[0].name == "cpu"
    assert len({device.name for device in devices}) == len(devices)
    for device in devices:
        memory = device.memory()
        assert device.description
        assert device.healthy
        assert memory is None or 0 < memory.free <= memory.total
