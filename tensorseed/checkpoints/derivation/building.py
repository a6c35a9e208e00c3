"""Building the model of a config on tensors without data, watched by an observation."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from transformers import PreTrainedConfig, PreTrainedModel

from tensorseed.checkpoints.derivation.calls import noting
from tensorseed.checkpoints.derivation.recorder import Observation

MOST_MODULES = 32_768
META = torch.device("meta")

_LITERALS = (torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy, torch.scalar_tensor)


class TooManyModulesError(Exception):
    """The model is larger than a derivation builds."""


class _Dataless(TorchFunctionMode):
    """Tensors are made without data, unless the caller names a device.

    An empty literal stays where it is: transformers looks at its device to learn whether weights are to be
    initialised.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _LITERALS:
            made = func(*args, **kwargs)
            return made if kwargs.get("device") is not None or made.numel() == 0 else made.to(META)
        if func in _device_constructors() and kwargs.get("device") is None:
            kwargs["device"] = META
        return func(*args, **kwargs)


def build(cls: type[PreTrainedModel], config: PreTrainedConfig) -> tuple[PreTrainedModel, Observation]:
    """The initialised model, and what its tensors would hold.

    Raises TooManyModulesError, UnforeseeableError, and whatever transformers raises for a config that it
    cannot build.
    """
    observation = Observation()
    with ExitStack() as stack:
        stack.enter_context(noting(observation))
        stack.enter_context(_bounded())
        stack.enter_context(_Dataless())
        stack.enter_context(observation)
        model = cls._from_config(config, attn_implementation="eager")
    return model, observation


@contextmanager
def _bounded() -> Iterator[None]:
    """Stop a model that has too many modules while it is built."""
    left, thread = MOST_MODULES, threading.get_ident()

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
def silence() -> Iterator[None]:
    """What transformers and torch would tell their own users is not for ours."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
