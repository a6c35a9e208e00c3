"""What every device answers to: the one interface behind which all that differs between them sits."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tensorseed.devices.torch_errors import is_breakdown, is_out_of_memory, needed_bytes, told_bytes
from tensorseed.errors import CapacityError, DeviceError
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.executors.base import Executor
from tensorseed.sampling.executors.pipelined import Arrival, PipelinedExecutor

if TYPE_CHECKING:
    import torch

    from tensorseed.sampling.executors.tensor import TensorExecutor

WORKS = ("weights", "losses", "evaluations")

_log = logging.getLogger(__name__)


class Memory(NamedTuple):
    """Bytes of a device's memory: all of it, and what is free now."""

    total: int
    free: int


class Device(ABC):
    """A device under torch's name for it: `cpu`, `cuda:0`. It is healthy until it is found to have failed."""

    runs: tuple[str, ...] = WORKS

    def __init__(self, name: str) -> None:
        self.name = name
        self.healthy = True

    @property
    @abstractmethod
    def description(self) -> str:
        """What it is, as its maker calls it."""

    @abstractmethod
    def memory(self) -> Memory | None:
        """Its memory now; None where that cannot be told."""

    @abstractmethod
    def executor(self) -> Executor:
        """What draws on it, in the calling thread."""

    def explained(self, error: Exception) -> Exception:
        """What a client is told of an error on this device.

        Out of memory is a CapacityError with the sizes. Anything else stays what it is.
        """
        if not is_out_of_memory(error):
            return error
        needed, memory = needed_bytes(error), self.memory()
        wanted = None if needed is None else told_bytes(needed)
        return CapacityError(self.name, wanted, told_bytes(memory.free) if memory else None)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Errors of the block become what `explained` makes of them."""
        try:
            yield
        except Exception as error:
            told = self.explained(error)
            if told is error:
                raise
            raise told from None


class Accelerator(Device):
    """A device that torch computes on, apart from the host's processors."""

    @cached_property
    def _tensors(self) -> TensorExecutor:
        from tensorseed.sampling.executors.tensor import TensorExecutor

        return TensorExecutor(self.torch_name)

    @property
    def torch_name(self) -> str:
        """What torch calls the device on which the tensors are."""
        return self.name

    def executor(self) -> TensorExecutor:
        """torch's operations on the device."""
        return self._tensors

    def begin(self, file: VirtualFile, start: int, out: npt.NDArray[np.uint8]) -> Callable[[], None]:
        """Start to fill `out` with the file's bytes from `start` on; the result waits for them."""
        if not self.healthy:
            raise DeviceError(self.fault)
        with self.current():
            executor = PipelinedExecutor(self._tensors, self.send, out)
            file.read_into(out, start, executor)
        return executor.synchronize

    def explained(self, error: Exception) -> Exception:
        """What a client is told of an error on this device.

        A breakdown is logged, takes the device out of service, and is a DeviceError.
        """
        if not is_breakdown(error):
            return super().explained(error)
        if self.healthy:
            _log.error("%s failed and is taken out of service", self.name, exc_info=error)
            self.healthy = False
        return DeviceError(self.fault)

    @property
    def fault(self) -> str:
        """What to say of it once it has failed."""
        return f"{self.name} failed and computes nothing before the service is restarted: use device auto"

    @abstractmethod
    def current(self) -> AbstractContextManager[object]:
        """While it is entered, this thread's torch operations are this device's next ones."""

    @abstractmethod
    def send(self, values: torch.Tensor) -> Arrival:
        """Start to copy bytes to the host once they are computed; the result waits for the copy."""
