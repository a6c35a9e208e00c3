"""Which devices this host has, and which of them compute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tensorseed.devices.base import Accelerator, Device
from tensorseed.devices.cpu import Cpu
from tensorseed.devices.cuda import cuda_devices
from tensorseed.errors import DeviceError


def available_devices() -> list[Device]:
    """Every device of this host, the CPU first. Imports torch."""
    return [Cpu(), *cuda_devices()]


class Devices:
    """The devices of this host, looked for when one beside the CPU is first asked for. For all threads."""

    def __init__(self, look: Callable[[], Sequence[Accelerator]] = cuda_devices) -> None:
        self.cpu = Cpu()
        self._look = look
        self._accelerators: Sequence[Accelerator] | None = None
        self._looking = threading.Lock()

    def accelerators(self) -> Sequence[Accelerator]:
        """Those beside the CPU, the failed ones among them. The first look may take seconds."""
        with self._looking:
            if self._accelerators is None:
                self._accelerators = self._look()
            return self._accelerators

    @property
    def known(self) -> bool:
        """Whether it has been looked for them."""
        return self._accelerators is not None

    def healthy(self) -> list[Device]:
        """Those that compute."""
        return [self.cpu, *(device for device in self.accelerators() if device.healthy)]

    def failed(self) -> list[Accelerator]:
        """Those that were found to have failed. Looks for none."""
        return [device for device in self._accelerators or () if not device.healthy]

    def get(self, name: str) -> Device:
        """The device of a spec: `auto` is the CPU, `cuda` is `cuda:0`.

        Raises DeviceError for one that this host lacks, and for one that failed.
        """
        if name in ("auto", "cpu"):
            return self.cpu
        wanted = "cuda:0" if name == "cuda" else name
        for device in self.accelerators():
            if device.name == wanted and device.healthy:
                return device
            if device.name == wanted:
                raise DeviceError(device.fault)
        names = ", ".join(device.name for device in self.healthy())
        raise DeviceError(f"this host has no device {name!r}; it has: {names}")
