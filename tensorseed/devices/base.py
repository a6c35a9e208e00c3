"""Abstract devices: memory, executors, translation of torch errors."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.devices.torch_errors import format_bytes, is_device_failure, is_out_of_memory, needed_bytes
from tensorseed.errors import CapacityError, DeviceError
from tensorseed.files.elements import DrawnElements
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.pipelined import Arrival, PipelinedExecutor

if TYPE_CHECKING:
    import torch

    from tensorseed.sampling.executors.tensor import TensorExecutor

WORKLOADS = ("weights", "losses", "evaluations")

_log = logging.getLogger(__name__)


class Memory(NamedTuple):
    """The memory of a device in bytes: in total, and free now."""

    total: int
    free: int


class Device(ABC):
    """A device by torch's name for it: `cpu`, `cuda:0`. It is healthy until it fails."""

    runs: tuple[str, ...] = WORKLOADS

    def __init__(self, name: str) -> None:
        self.name = name
        self.healthy = True

    @property
    @abstractmethod
    def description(self) -> str:
        """The name of the model."""

    @abstractmethod
    def memory(self) -> Memory | None:
        """Return its memory now; None where the system does not report it."""

    @abstractmethod
    def executor(self) -> Executor:
        """Return the executor that draws on it, in the calling thread."""

    def translate_error(self, error: Exception) -> Exception:
        """Translate an error on this device for clients.

        Out of memory becomes a CapacityError with the sizes; any other error is returned unchanged.
        """
        if not is_out_of_memory(error):
            return error
        needed, memory = needed_bytes(error), self.memory()
        wanted = None if needed is None else format_bytes(needed)
        return CapacityError(self.name, wanted, format_bytes(memory.free) if memory else None)

    @contextmanager
    def translating_errors(self) -> Iterator[None]:
        """Translate the errors of the block by `translate_error`."""
        try:
            yield
        except Exception as error:
            translated = self.translate_error(error)
            if translated is error:
                raise
            raise translated from None


class Accelerator(Device):
    """A device other than the CPU, on which torch computes."""

    @cached_property
    def _tensors(self) -> TensorExecutor:
        from tensorseed.sampling.executors.tensor import TensorExecutor

        return TensorExecutor(self.torch_name)

    @property
    def torch_name(self) -> str:
        """The torch device of its tensors."""
        return self.name

    def executor(self) -> TensorExecutor:
        """Return the executor of torch operations."""
        return self._tensors

    def start(self, file: VirtualFile, start: int, out: npt.NDArray[np.uint8]) -> Callable[[], None]:
        """Start to fill `out` with the file's bytes from `start` on; the result waits for them.

        Raises:
            DeviceError: the device has failed.
        """
        if not self.healthy:
            raise DeviceError(self.fault)
        with self.current():
            executor = PipelinedExecutor(self._tensors, self.send, out)
            file.read_into(out, start, DrawnElements(file.resolved, executor))
        return executor.synchronize

    def translate_error(self, error: Exception) -> Exception:
        """Translate an error on this device for clients.

        A device failure is logged, takes the device out of service and becomes a DeviceError.
        """
        if not is_device_failure(error):
            return super().translate_error(error)
        if self.healthy:
            _log.error("%s failed and is taken out of service", self.name, exc_info=error)
            self.healthy = False
        return DeviceError(self.fault)

    @property
    def fault(self) -> str:
        """The message of requests for it once it has failed."""
        return f"{self.name} failed and computes nothing before the service is restarted: use device auto"

    @abstractmethod
    def current(self) -> AbstractContextManager[object]:
        """Make this thread's torch operations run on this device, within the block."""

    @abstractmethod
    def send(self, values: torch.Tensor) -> Arrival:
        """Start to copy computed bytes to the host; the result waits for the copy."""
