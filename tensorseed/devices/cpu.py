"""The CPU as a device: compiled loops."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tensorseed.devices.base import Device, Memory
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.compiled import CompiledExecutor


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
