"""Devices by name, and errors for those that are absent."""

from __future__ import annotations

import pytest

from tensorseed.devices.registry import Devices
from tensorseed.errors import DeviceError
from tests.tensorseed.devices.fake import BROKEN, FakeDevice


def test_the_cpu_is_had_without_looking_for_others():
    def look() -> list[FakeDevice]:
        raise AssertionError("nobody asked for another device")

    devices = Devices(look)
    assert devices.get("auto") is devices.get("cpu") is devices.cpu
    assert devices.failed() == []
    assert not devices.known


def test_others_are_looked_for_once():
    looks: list[int] = []

    def look() -> list[FakeDevice]:
        looks.append(1)
        return [FakeDevice("cuda:0"), FakeDevice("cuda:1")]

    devices = Devices(look)
    assert devices.get("cuda:1").name == "cuda:1"
    assert devices.get("cuda") is devices.get("cuda:0")
    assert [device.name for device in devices.healthy()] == ["cpu", "cuda:0", "cuda:1"]
    assert len(looks) == 1


def test_a_device_that_is_missing_is_answered_with_those_there_are():
    with pytest.raises(DeviceError, match=r"no device 'cuda:7'; it has: cpu, cuda:0$"):
        Devices(lambda: [FakeDevice()]).get("cuda:7")
    with pytest.raises(DeviceError, match=r"no device 'cuda'; it has: cpu$"):
        Devices(list).get("cuda")


def test_a_device_that_failed_is_neither_had_nor_listed():
    first, second = FakeDevice("cuda:0"), FakeDevice("cuda:1")
    devices = Devices(lambda: [first, second])
    devices.get("cuda").translate_error(RuntimeError(BROKEN))
    with pytest.raises(DeviceError, match="cuda:0 failed"):
        devices.get("cuda:0")
    assert devices.healthy() == [devices.cpu, second]
    assert devices.failed() == [first]
