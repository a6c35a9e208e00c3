"""Report of an export: progress for people and machines, and its metrics."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tensorseed.export.objects import Outcome, State

HEARTBEAT_SECONDS = 10.0  # between two lines about bytes alone

Emit = Callable[[Mapping[str, Any]], None]


class Report:
    """Counts bytes and objects, and says so as a bar, as events or not at all. Any thread may add bytes."""

    def __init__(self, objects: int, nbytes: int, emit: Emit | None) -> None:
        """`emit` takes events: one for each object, and one now and then while a large one is under way."""
        self.objects, self.nbytes = objects, nbytes
        self._emit = emit
        self._lock = threading.Lock()
        self._show: Callable[[], None] = lambda: None
        self._done_bytes = 0
        self._states: Counter[State] = Counter()
        self._state_bytes: Counter[State] = Counter()
        self._begun = self._spoke = time.monotonic()

    def advance(self, count: int) -> None:
        """`count` more bytes are done."""
        with self._lock:
            self._done_bytes += count
            now = time.monotonic()
            speaks = self._emit is not None and now - self._spoke >= HEARTBEAT_SECONDS
            if speaks:
                self._spoke = now
        if speaks and self._emit is not None:
            self._emit({"event": "progress", **self._progress()})
        self._show()

    def add(self, outcome: Outcome) -> None:
        """One more object is whole."""
        self._states[outcome.state] += 1
        self._state_bytes[outcome.state] += outcome.record.size
        if self._emit is not None:
            record = outcome.record
            self._emit(
                {
                    "event": "object",
                    "path": record.path,
                    "bytes": record.size,
                    "sha256": record.sha256,
                    "state": str(outcome.state),
                    **self._progress(),
                }
            )
            self._spoke = time.monotonic()
        self._show()

    @property
    def done_objects(self) -> int:
        """The objects that are whole."""
        return self._states.total()

    def _progress(self) -> dict[str, Any]:
        seconds = max(time.monotonic() - self._begun, 1e-9)
        rate = self._done_bytes / seconds
        left = max(self.nbytes - self._done_bytes, 0)
        return {
            "done_objects": self.done_objects,
            "objects": self.objects,
            "done_bytes": self._done_bytes,
            "total_bytes": self.nbytes,
            "bytes_per_second": round(rate),
            "seconds_left": round(left / rate, 1) if rate else None,
        }

    def metrics(self) -> dict[str, Any]:
        """What the run did: objects and bytes by what became of them, seconds, processor time, memory."""
        seconds = max(time.monotonic() - self._begun, 1e-9)
        made = self._state_bytes[State.WRITTEN] + self._state_bytes[State.REPLACED]
        times = os.times()
        return {
            "objects": {str(state): self._states[state] for state in State},
            "bytes": {str(state): self._state_bytes[state] for state in State},
            "seconds": round(seconds, 3),
            "bytes_per_second": round(made / seconds),
            "cpu_seconds": round(times.user + times.system, 3),
            "peak_memory_bytes": peak_memory(),
        }

    @contextmanager
    def bar(self, what: str, *, shown: bool) -> Iterator[None]:
        """Show bytes, objects, rate and time left on standard error within the block, if `shown`."""
        if not shown:
            yield
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from tensorseed.client.errors import printable

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[objects]}", markup=False),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
            task = drawn.add_task(printable(what), total=self.nbytes, objects=self._count())
            self._show = lambda: drawn.update(task, completed=self._done_bytes, objects=self._count())
            try:
                yield
            finally:
                self._show = lambda: None

    def _count(self) -> str:
        return f"{self.done_objects:,}/{self.objects:,} objects"


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None where the system does not say."""
    with suppress(OSError):  # what resource says begins with the memory of the process that forked this one
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kibibytes elsewhere
