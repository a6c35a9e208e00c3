"""Fake second device: torch's operations on the CPU, faults on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from tensorseed.devices.base import Accelerator, Memory

GIB = 1 << 30
BROKEN = "CUDA error: an illegal memory access was encountered"


class FakeDevice(Accelerator):
    """It notes what is begun, sent, arrived and ended, in this order, and by which threads.

    `trouble` is raised when bytes are sent, `late_trouble` when they arrive.
    """

    def __init__(self, name: str = "cuda:0", free: int = 3 * GIB) -> None:
        super().__init__(name)
        self.free = free
        self.events: list[tuple[str, int]] = []
        self.threads: set[str] = set()
        self.trouble: Exception | None = None
        self.late_trouble: Exception | None = None

    @property
    def description(self) -> str:
        return "Fake 1"

    @property
    def torch_name(self) -> str:
        return "cpu"

    def memory(self) -> Memory:
        return Memory(8 * GIB, self.free)

    def start(self, file: Any, start: int, out: Any) -> Callable[[], None]:
        self._note("begin", start)
        land = super().start(file, start, out)

        def landed() -> None:
            land()
            self._note("end", start)

        return landed

    def current(self) -> nullcontext[None]:
        return nullcontext()

    def send(self, values: Any) -> Callable[[], Any]:
        self._note("send", values.numel())
        if self.trouble is not None:
            raise self.trouble

        def arrived() -> Any:
            self._note("arrive", values.numel())
            if self.late_trouble is not None:
                raise self.late_trouble
            return values.numpy()

        return arrived

    def noted(self, *kinds: str) -> list[tuple[str, int]]:
        """The events of these kinds."""
        return [event for event in self.events if event[0] in kinds]

    def _note(self, kind: str, number: int) -> None:
        self.events.append((kind, number))
        self.threads.add(threading.current_thread().name)
