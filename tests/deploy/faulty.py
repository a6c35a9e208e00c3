"""Fault injection: `python -m tests.deploy.faulty serve`.

| request | fault |
|---|---|
| GET /v1/schemes | an exception |
| GET /v1/devices | memory that does not suffice |
| GET /v1/layers | a device that fails |
| a file with the seed 500 | an exception after the first chunk |
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from service.__main__ import main
from service.weights import catalog
from service.worker.chunks import ChunkComputer
from service.worker.worker import Worker
from tensorseed.errors import CapacityError
from tensorseed.files.virtual_file import VirtualFile

FAULT_SEED = 500

_compute = ChunkComputer.compute
_failed: list[Any] = []


def _raise() -> object:
    raise RuntimeError("on demand")


def _lack_memory(_: object) -> dict[str, object]:
    raise CapacityError("cpu", None, None)


def _fail_device() -> object:
    _failed.append(SimpleNamespace(name="cuda:0", fault="on demand"))
    return []


def _fail_late(self: ChunkComputer, file: VirtualFile, start: int, *rest: Any) -> memoryview:
    if file.resolved.seed == FAULT_SEED and start:
        raise RuntimeError("on demand")
    return _compute(self, file, start, *rest)


if __name__ in ("__main__", "__mp_main__"):  # the latter in the processes of several workers
    catalog.schemes_catalog = _raise  # type: ignore[assignment]
    catalog.layers_catalog = _fail_device  # type: ignore[assignment]
    catalog._row = _lack_memory
    ChunkComputer.compute = _fail_late  # type: ignore[method-assign]
    Worker.failed_devices = lambda _: _failed  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
