"""Generator `torch`: the weights that PyTorch draws, bit for bit.

    torch.manual_seed(seed)
    modules = [torch.nn.Linear(…, dtype=…, device=…), …]    every entry, in the order of the spec
    torch.nn.init.normal_(modules[0].weight, …)             then every init that the spec gives, in the same
    …                                                       order, within an entry in that of `state_dict`

With `init_order` "interleaved" the inits of an entry run before the next one is built, as a script does it.
A bare tensor is `torch.empty`, which draws nothing.
Layers draw from torch's own generators, one for each device of the process.
`seeded` locks them and restores their states.
torch computes on one thread, since the bits of `orthogonal` depend on their number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from tensorseed.concurrency.cancellation import check_cancelled
from tensorseed.concurrency.torch_thread import run_in_torch_thread
from tensorseed.concurrency.warning_filters import suppress_warnings
from tensorseed.errors import SpecError, TooLargeError
from tensorseed.sampling.distributions.base import Storage
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.spec.layers import Layer, Tensor
from tensorseed.spec.resolved import ResolvedSpec, Step
from tensorseed.spec.schemes import Scheme
from tensorseed.spec.schemes.fans import fans
from tensorseed.spec.schemes.parts import Parts
from tensorseed.spec.schemes.siren import Siren
from tensorseed.spec.torch_support import MAX_REJECTION_PASSES, TORCH_KINDS, max_rejection_draws

_lock = threading.RLock()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators as `torch.manual_seed` does, and restore their states afterwards.

    All code of the process that draws from them must hold this context; one thread at a time does.
    """
    with _lock:
        generators = [torch.default_generator]
        if device.type == "cuda":
            torch.cuda.init()  # type: ignore[no-untyped-call]
            generators.append(torch.cuda.default_generators[device.index])
        states = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)


def materialise(resolved: ResolvedSpec) -> dict[str, Storage]:
    """Compute the elements of every tensor of the file, row-major, by name, in torch's order.

    Raises:
        SpecError: this torch has no kernel for an init in its dtype.
        TooLargeError: torch rejects nearly every candidate of a truncated normal.
        ComputationCancelledError: the computation is cancelled.
    """
    return run_in_torch_thread(lambda: _materialise(resolved))


def _materialise(resolved: ResolvedSpec) -> dict[str, Storage]:
    device = _device(resolved.device)
    # torch warns of tensors without elements
    with seeded(resolved.seed, device), _on(device), suppress_warnings(), torch.no_grad():
        states = []
        for step in resolved.steps:
            for name, state in _built(step, device):
                states.append((name, step, state))
                if resolved.interleaved:
                    _initialise(name, step, state)
        if not resolved.interleaved:
            for name, step, state in states:
                _initialise(name, step, state)
    return _gathered(resolved, states)


def _initialise(name: str, step: Step, state: Mapping[str, torch.Tensor]) -> None:
    """Run the inits that the spec gives an entry, in the order of its tensors."""
    for key, tensor in state.items():
        if key in step.inits and tensor.numel():
            check_cancelled()
            _translating(name, lambda: _apply(step.inits[key], tensor))  # noqa: B023


def _built(step: Step, device: torch.device) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Yield the tensors of each entry of the step, by what follows the entry's name."""
    for name in step.names:
        check_cancelled()
        yield name, _translating(name, lambda: _build(step, device))


def _build(step: Step, device: torch.device) -> dict[str, torch.Tensor]:
    """Build a layer with torch's own init; a bare tensor is empty and nameless."""
    dtype = getattr(torch, step.dtype.name)
    if isinstance(step.entry, Tensor):
        return {"": torch.empty(step.entry.shape, dtype=dtype, device=device)}
    assert isinstance(step.entry, Layer)
    state: Mapping[str, torch.Tensor] = step.entry.build(dtype=dtype, device=device).state_dict()
    return dict(state)


def _apply(scheme: Scheme, tensor: torch.Tensor) -> None:
    """Fill `tensor` by the function of torch.nn.init that has the scheme's name, or part by part."""
    if isinstance(scheme, Parts):
        _apply_parts(scheme, tensor)
        return
    kind = scheme.spellings()[0]
    assert kind in TORCH_KINDS
    beside = {"kind", *scheme.not_in_torch}
    arguments = {name: getattr(scheme, name) for name in type(scheme).model_fields if name not in beside}
    match kind:
        case "values":
            data = np.array(arguments["data"], np.float64).reshape(tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(data))
        case "constant":
            torch.nn.init.constant_(tensor, arguments["value"])
        case "siren":
            assert isinstance(scheme, Siren)
            counted = fans(tuple(tensor.shape))
            assert counted is not None
            bound = scheme.bound(counted)
            torch.nn.init.uniform_(tensor, -bound, bound)
        case "trunc_normal":
            with _RejectionLimit(tuple(tensor.shape)):
                torch.nn.init.trunc_normal_(tensor, **arguments)
        case _:
            getattr(torch.nn.init, f"{kind}_")(tensor, **arguments)


def _apply_parts(scheme: Parts, tensor: torch.Tensor) -> None:
    """Fill each part as a slice of `tensor`; one with copies as a tensor of its own, which is then copied."""
    shape, start = tuple(tensor.shape), 0
    axis = scheme.axis_of(shape)
    described = zip(scheme.parts, scheme.sizes(shape), scheme.drawn_shapes(shape), strict=True)
    for part, size, drawn in described:
        for _ in range(part.repeat):
            check_cancelled()
            own = tensor.narrow(axis, start, size)
            if part.copies == 1:
                _apply(part.init, own)
            else:
                once = tensor.new_empty(drawn)
                _apply(part.init, once)
                own.copy_(once.repeat_interleave(part.copies, axis))
            start += size


class _RejectionLimit(TorchFunctionMode):
    """Counts draws without changing any, and ends a rejection that would never end."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._passes = MAX_REJECTION_PASSES
        self._draws = max_rejection_draws(shape)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let a call through until the limit is reached."""
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_):
            self._passes -= 1
            self._draws -= args[0].numel()
            if self._passes < 0 or self._draws < 0:
                raise TooLargeError(
                    "torch rejects nearly every candidate of a trunc_normal here: widen its interval around "
                    "the mean, or leave generator out"
                )
        return func(*args, **(kwargs or {}))


def _translating(name: str, action: Callable[[], Any]) -> Any:
    """Return the result of `action`; a missing kernel becomes a fault of the entry `name`."""
    try:
        return action()
    except NotImplementedError:
        detail = f"torch has no kernel for {name!r} in its dtype: use float32, or leave generator out"
        raise SpecError.at("/layers", detail) from None


def _gathered(
    resolved: ResolvedSpec, states: list[tuple[str, Step, dict[str, torch.Tensor]]]
) -> dict[str, Storage]:
    """Return the elements by full name, in the dtypes and shapes of the file."""
    found = {
        f"{name}.{key}" if key else name: tensor for name, _, state in states for key, tensor in state.items()
    }
    arrays = {}
    for tensor in resolved.tensors:
        value = found.pop(tensor.name)
        if (str(value.dtype), tuple(value.shape)) != (f"torch.{tensor.dtype.name}", tensor.shape):
            raise RuntimeError(f"torch yields {tensor.name} as {value.dtype} {tuple(value.shape)}")
        flat = value.cpu().contiguous().reshape(-1)
        arrays[tensor.name] = flat.view(torch.uint8).numpy().view(_storage(tensor.dtype))
    if found:
        raise RuntimeError(f"torch yields {', '.join(found)} beside the tensors of the file")
    return arrays


def _storage(dtype: DType) -> Any:
    return np.dtype(DTYPES[dtype.name].storage)


def _device(name: str) -> torch.device:
    """Return the device, with a number where there can be several."""
    device = torch.device(name)
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


@contextmanager
def _on(device: torch.device) -> Iterator[None]:
    """Make `device` the current one of its type."""
    if device.type != "cuda":
        yield
        return
    with torch.cuda.device(device):
        yield
