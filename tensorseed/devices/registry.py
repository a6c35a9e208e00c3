"""The CPU, and the registry of this host's healthy and failed devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from tensorseed.devices.base import Accelerator, Device, Memory
from tensorseed.devices.cuda import cuda_devices
from tensorseed.errors import DeviceError
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.compiled import CompiledExecutor


def available_devices() -> list[Device]:
    """Return every device of this host, the CPU first. Imports torch."""
    return [Cpu(), *cuda_devices()]


class Devices:
    """The devices of this host; accelerators are searched for at their first use. Thread-safe."""

    def __init__(self, search: Callable[[], Sequence[Accelerator]] = cuda_devices) -> None:
        self.cpu = Cpu()
        self._search = search
        self._accelerators: Sequence[Accelerator] | None = None
        self._lock = threading.Lock()

    def accelerators(self) -> Sequence[Accelerator]:
        """Return all but the CPU, failed ones included. The first search may take seconds."""
        with self._lock:
            if self._accelerators is None:
                self._accelerators = self._search()
            return self._accelerators

    @property
    def known(self) -> bool:
        """Whether the search has been done."""
        return self._accelerators is not None

    def healthy(self) -> list[Device]:
        """Return those that have not failed, the CPU first."""
        return [self.cpu, *(device for device in self.accelerators() if device.healthy)]

    def failed(self) -> list[Accelerator]:
        """Return the accelerators that failed. Starts no search."""
        return [device for device in self._accelerators or () if not device.healthy]

    def get(self, name: str) -> Device:
        """Return the device of a spec: `auto` is the CPU, `cuda` is `cuda:0`.

        Raises:
            DeviceError: this host lacks the device, or it failed.
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


class Cpu(Device):
    """The processors of this host."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self._compiled = CompiledExecutor()

    @cached_property
    def description(self) -> str:
        """The processor's model, where the system reports it."""
        return _proc_field("/proc/cpuinfo", "model name") or "CPU"

    def memory(self) -> Memory | None:
        """Return the memory of the host."""
        total, free = _proc_field("/proc/meminfo", "MemTotal"), _proc_field("/proc/meminfo", "MemAvailable")
        if not total or not free:
            return None
        return Memory(int(total.split()[0]) << 10, int(free.split()[0]) << 10)

    def executor(self) -> Executor:
        """Return the executor of compiled loops."""
        return self._compiled


def _proc_field(path: str, field: str) -> str | None:
    """Return the first value of a field in a file of /proc; None where there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = (
        value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == field
    )
    return next(found, None)
