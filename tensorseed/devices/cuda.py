"""NVIDIA GPUs as devices, by way of torch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tensorseed.devices.base import Accelerator, Memory
from tensorseed.sampling.executors.pipelined import Arrival

if TYPE_CHECKING:
    import torch


class Cuda(Accelerator):
    """An NVIDIA GPU: one CUDA stream computes, another copies into pinned memory."""

    @cached_property
    def description(self) -> str:
        """The name of the model."""
        import torch

        return torch.cuda.get_device_name(self.name)

    def memory(self) -> Memory | None:
        """Return the memory of the GPU, shared with other processes."""
        import torch

        try:
            free, total = torch.cuda.mem_get_info(self.name)
        except RuntimeError:  # a GPU that has failed, or that lacks the memory to answer
            return None
        return Memory(total, free)

    @cached_property
    def _computing(self) -> torch.cuda.Stream:
        import torch

        return torch.cuda.Stream(self.name)  # type: ignore[no-untyped-call]

    @cached_property
    def _copying(self) -> torch.cuda.Stream:
        import torch

        return torch.cuda.Stream(self.name)  # type: ignore[no-untyped-call]

    def current(self) -> AbstractContextManager[object]:
        """Make the computing stream current."""
        import torch

        return torch.cuda.stream(self._computing)

    def send(self, values: torch.Tensor) -> Arrival:
        """Start a copy on the copying stream, so that the next chunk is computed meanwhile.

        torch caches pinned memory, so it is allocated once.
        """
        import torch

        host = torch.empty(values.numel(), dtype=torch.uint8, pin_memory=True)
        self._copying.wait_stream(self._computing)
        with torch.cuda.stream(self._copying):
            host.copy_(values, non_blocking=True)
        values.record_stream(self._copying)  # keeps its memory until the copy is done
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        done = self._copying.record_event(event)

        def arrived() -> npt.NDArray[np.uint8]:
            done.synchronize()
            return host.numpy()

        return arrived


def cuda_devices() -> list[Cuda]:
    """Return the GPUs that torch sees. Imports torch, which the CPU does without."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [Cuda(f"cuda:{i}") for i in range(count)]
