"""Network of torch modules with the weights of a spec, and its forward."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from tensorseed.concurrency.cancellation import Cancelled, ComputationCancelledError
from tensorseed.devices.torch_errors import is_device_error
from tensorseed.errors import TooLargeError
from tensorseed.evaluations.forward import REFUSALS, build, input_error, kernel_error
from tensorseed.evaluations.graph import INPUT, Node, last_uses
from tensorseed.evaluations.sources import copy_entry
from tensorseed.files.elements import element_source
from tensorseed.files.torch_generator import seeded
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.resolved import ResolvedSpec


class Deadline:
    """End of an evaluation: it was cancelled, or its time is up."""

    def __init__(self, cancelled: Cancelled, seconds: float) -> None:
        self._cancelled = cancelled
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Check whether to go on.

        Raises:
            ComputationCancelledError: the caller has cancelled.
            TooLargeError: the time is up.
        """
        if self._cancelled():
            raise ComputationCancelledError
        if time.monotonic() > self._end:
            raise TooLargeError(
                f"the evaluation takes longer than {self._seconds:g} seconds (evaluation_seconds): take "
                "fewer steps, fewer samples or a smaller network"
            )

    def is_over(self) -> bool:
        """Whether it was cancelled, or the time is up."""
        return self._cancelled() or time.monotonic() > self._end


class RandomState:
    """Random numbers of one network: those that follow `torch.manual_seed(seed)`.

    torch has one set of generators for the process. A layer borrows them while it runs.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self._device = device
        self._states: list[torch.Tensor] = []

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Continue the sequence of the previous call inside this context."""
        with seeded(self._seed, self._device):
            generators = [torch.default_generator]
            if self._device.type == "cuda":
                generators.append(torch.cuda.default_generators[self._device.index])
            for generator, state in zip(generators, self._states, strict=False):
                generator.set_state(state)
            yield
            self._states = [generator.get_state() for generator in generators]


class Network:
    """The chain of modules of one variant, on its device.

    With `stops_backward` the deadline is looked at between the layers of a backward pass as well.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        dtype: str,
        device: torch.device,
        seed: int,
        *,
        training: bool,
        stops_backward: bool = False,
    ) -> None:
        self.nodes = nodes
        self.device = device
        self.dtype = dtype
        self._stops_backward = stops_backward
        self._random_state = RandomState(seed, device)
        self._last_uses = last_uses(nodes)
        self._random = [node.layer.is_random(training=training) for node in nodes]
        self.modules = [build(node, dtype, training=training).to_empty(device=device) for node in nodes]

    def load(self, resolved: ResolvedSpec, deadline: Deadline) -> None:
        """Fill the modules with the tensors of a file.

        Raises:
            SpecError: torch has no kernel for one of the tensors.
            TooLargeError: the time is up, or torch rejects nearly every candidate of a truncated normal.
            ComputationCancelledError: the computation is cancelled.
        """
        state = self.state()
        file = open_file(resolved)
        source = element_source(resolved)
        for entry in file.entries():
            value = torch.empty(entry.tensor.shape, dtype=getattr(torch, entry.tensor.dtype.name))
            copy_entry(file, entry, value, source, deadline.check)
            with torch.no_grad():
                state[entry.tensor.name].copy_(value)

    def state(self) -> dict[str, torch.Tensor]:
        """The parameters and buffers themselves, by their names in the file."""
        return {
            f"{node.name}.{name}": tensor
            for node, module in zip(self.nodes, self.modules, strict=True)
            for name, tensor in module.state_dict().items()
        }

    def snapshot(self) -> dict[str, torch.Tensor]:
        """A copy of the state, on the CPU."""
        return {
            name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in self.state().items()
        }

    def parameters(self) -> list[torch.nn.Parameter]:
        """All parameters."""
        return [parameter for module in self.modules for parameter in module.parameters()]

    def outputs(self, x: torch.Tensor, deadline: Deadline) -> Iterator[torch.Tensor]:
        """Every layer's output for the input `x`, in order.

        Raises:
            ComputationCancelledError, TooLargeError: as `deadline.check` does.
            EvaluationError: torch refuses an input that passed the checks.
        """
        found = {INPUT: x}
        for index, (node, module) in enumerate(zip(self.nodes, self.modules, strict=True)):
            deadline.check()
            inputs = [found[source] for source in node.sources]
            try:
                if self._random[index]:
                    with self._random_state.drawing():
                        x = node.forward(module, inputs)
                else:
                    x = node.forward(module, inputs)
            except NotImplementedError:
                raise kernel_error(node, self.dtype) from None
            except REFUSALS as error:
                if is_device_error(error):
                    raise
                if "not implemented for" in str(error):
                    raise kernel_error(node, self.dtype) from None
                raise input_error(node, inputs[0].shape) from None
            found[index] = x
            for used in self._last_uses[index]:
                del found[used]
            if self._stops_backward and x.requires_grad:
                x.register_hook(lambda _: deadline.check())  # type: ignore[no-untyped-call]
            yield x

    def output(self, x: torch.Tensor, deadline: Deadline) -> torch.Tensor:
        """The last layer's output."""
        return deque(self.outputs(x, deadline), maxlen=1)[0]
