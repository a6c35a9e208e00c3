"""Build of a config's model on tensors without data, under a recorder."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from transformers import PreTrainedConfig, PreTrainedModel, initialization

from tensorseed.checkpoints.derivation.recorded_distributions import MAX_VALUES, decay, distribution_of
from tensorseed.checkpoints.derivation.recorder import MAX_KNOWN_ELEMENTS, MAX_KNOWN_TOTAL, Recorder
from tensorseed.errors import TooLargeError

MAX_MODULES = 32_768
MAX_TABLE_NUMBERS = 1 << 22  # some seconds; no published model has as many
META = torch.device("meta")

_LITERALS = (torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy, torch.scalar_tensor)


class Bounds(NamedTuple):
    """The most that a model may have: modules, and computed elements of a tensor and of all together."""

    modules: int
    known_elements: int = MAX_KNOWN_ELEMENTS
    known_total: int = MAX_KNOWN_TOTAL


class TooManyModulesError(Exception):
    """The model is larger than a derivation builds."""


class _Dataless(TorchFunctionMode):
    """Tensors are made without data, unless the caller names a device.

    An empty literal stays where it is: transformers looks at its device to learn whether weights are to be
    initialised. The recorder is given norms, which torch computes by way of several operations.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _LITERALS:
            if torch.device(kwargs.get("device") or META) != META:
                return func(*args, **kwargs)
            kwargs.pop("device", None)  # the numbers of a literal without data are noted all the same
            if func is not torch.from_numpy and args and not isinstance(args[0], torch.Tensor):
                kwargs["device"] = "cpu"  # whatever device the caller of the derivation has made the default
            made = func(*args, **kwargs)
            return made if made.numel() == 0 else made.to(META)
        if func in _device_constructors() and kwargs.get("device") is None:
            kwargs["device"] = META
        made = func(*args, **kwargs)
        if func is torch.norm_except_dim and self._recorder is not None:
            self._recorder.record_norm(made, args[0])
        return made


def build(
    cls: type[PreTrainedModel],
    config: PreTrainedConfig,
    dtype: torch.dtype | None = None,
    bounds: Bounds | None = None,
) -> tuple[PreTrainedModel, Recorder]:
    """The initialised model, and what its tensors would hold; `dtype` is the config's unless given.

    Raises:
        TooManyModulesError: the model has more modules than the bounds allow.
        TooLargeError: a table has more than MAX_TABLE_NUMBERS.
        DataDependentError: its structure depends on random numbers.

    Errors of transformers for a config that it cannot build pass unchanged.
    """
    with recording(bounds) as recorder:
        given = {} if dtype is None else {"dtype": dtype}
        model = cls._from_config(config, attn_implementation="eager", **given)
    return model, recorder


@contextmanager
def recording(bounds: Bounds | None = None) -> Iterator[Recorder]:
    """Make tensors without data, and record what they would hold."""
    bounds = bounds or Bounds(MAX_MODULES)
    recorder = Recorder(bounds.known_elements, bounds.known_total)
    with ExitStack() as stack:
        stack.enter_context(recording_init_calls(recorder))
        stack.enter_context(_recording_decays(recorder))
        stack.enter_context(_bounded(bounds.modules))
        stack.enter_context(_bounded_tables())
        stack.enter_context(_Dataless(recorder))
        stack.enter_context(recorder)
        yield recorder


@contextmanager
def _bounded(modules: int) -> Iterator[None]:
    """Stop a model that has too many modules while it is built."""
    left, thread = modules, threading.get_ident()

    def count(*_: Any) -> None:
        nonlocal left
        left -= threading.get_ident() == thread
        if left < 0:
            raise TooManyModulesError

    hook = torch_module.register_module_module_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _bounded_tables() -> Iterator[None]:
    """Stop a model that computes a table of sinusoids number by number, as several of transformers do."""
    left, thread = MAX_TABLE_NUMBERS, threading.get_ident()
    power: Any = np.power

    def count(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= threading.get_ident() == thread
        if left < 0:
            detail = f"the model computes a table of more than {MAX_TABLE_NUMBERS:,} numbers one by one"
            raise TooLargeError(f"{detail}: lower max_position_embeddings")
        return power(*args, **kwargs)

    np.power = count  # type: ignore[assignment]
    try:
        yield
    finally:
        np.power = power


_SILENT = threading.RLock()


@contextmanager
def silence() -> Iterator[None]:
    """Suppress the logs and warnings that transformers and torch address to their own users.

    One thread at a time: levels and filters are the process's, and two threads would restore each other's.
    """
    logger = logging.getLogger("transformers")
    with _SILENT:
        before = logger.level
        logger.setLevel(logging.CRITICAL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            logger.setLevel(before)


_ALONE = threading.Lock()
_ACTIVE = threading.local()


@contextmanager
def recording_init_calls(recorder: Recorder) -> Iterator[None]:
    """Let `recorder` note the calls of this thread. One at a time: other threads wait."""
    with _ALONE:
        originals = dict(initialization.TORCH_INIT_FUNCTIONS)
        wrapped = {name: _noted(name, function) for name, function in originals.items()}
        attributes = [
            (module, name)
            for module in map(sys.modules.get, initialization.TORCH_MODULES_TO_PATCH)
            for name in originals
            if module is not None and getattr(module, name, None) is originals[name]
        ]
        _ACTIVE.recorder = recorder
        try:
            initialization.TORCH_INIT_FUNCTIONS.update(wrapped)
            for module, name in attributes:
                setattr(module, name, wrapped[name])
            yield
        finally:
            _ACTIVE.recorder = None
            initialization.TORCH_INIT_FUNCTIONS.update(originals)
            for module, name in attributes:
                setattr(module, name, originals[name])


@contextmanager
def _recording_decays(recorder: Recorder) -> Iterator[None]:
    """Let `recorder` note the decays of MiniMax by their formula, where a recipe cannot write them out."""
    module = sys.modules.get("transformers.models.minimax.modeling_minimax")
    cls, thread = getattr(module, "MiniMaxLightningAttention", None), threading.get_ident()
    if cls is None:
        yield
        return
    original = cls.decay_factors

    def decay_factors(self: Any, slope_rate: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rates = recorder.values_of(slope_rate) if threading.get_ident() == thread else None
        if rates is None or rates.numel() * self.block_size**2 <= MAX_VALUES:
            return tuple(original(self, slope_rate))
        few = rates.cpu()[sorted({0, len(rates) // 2, len(rates) - 1})]
        with recorder.paused():
            made = tuple(original(self, slope_rate)) if _are_decays(original(self, few), few) else None
        if made is None:
            return tuple(original(self, slope_rate))
        for tensor, distance in zip(made, ("past", "future", "between"), strict=True):
            recorder.record(tensor, decay(rates.flatten().tolist(), distance, tuple(tensor.shape)))
        return made

    cls.decay_factors = decay_factors
    try:
        yield
    finally:
        cls.decay_factors = original


def _are_decays(found: Iterable[torch.Tensor], rates: torch.Tensor) -> bool:
    """Whether numbers to the past, to the future and between are exp(−rate·d), as far as their dtype goes.

    Distance, product and exponential are each rounded to the dtype: relatively by eps·(1 + rate·d) at most.
    """
    eps, tiny = torch.finfo(rates.dtype).eps, torch.finfo(rates.dtype).tiny
    past, future, between = (each.double() for each in found)
    count = past.shape[-2]
    steps = torch.arange(count, dtype=torch.float64, device="cpu")[:, None]
    forms = ((past, steps + 1), (future, count - 1 - steps), (between, steps - steps.T))
    for numbers, distance in forms:
        product = rates.double() * distance
        exact = torch.where(distance < 0, 0.0, (-product).exp())
        allowed = tiny + exact * eps * (1 + product)
        if numbers.numel() != exact.numel() or bool((numbers.view_as(exact) - exact).abs().gt(allowed).any()):
            return False
    return True


def _noted(name: str, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    signature = inspect.signature(function)

    @wraps(function)
    def noted(*args: Any, **kwargs: Any) -> torch.Tensor:
        recorder: Recorder | None = getattr(_ACTIVE, "recorder", None)
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        arguments = dict(given.arguments)
        tensor: torch.Tensor = arguments["tensor"]
        if recorder is None:
            return function(*args, **kwargs)
        fill = distribution_of(name.rstrip("_"), _plain(arguments), tuple(tensor.shape))
        recorder.record(tensor, fill if fill is None or tensor.is_contiguous() else fill.anonymous())
        return tensor

    return noted


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that say what the elements are."""
    return {name: value for name, value in arguments.items() if name not in ("tensor", "generator")}
