"""The functions of torch.nn.init, noted by an observation as what they are called.

On tensors without data some of them do nothing, and others nothing but what their name says better, so none
is called. They are wrapped wherever transformers and torch hold them, for as long as one observation lasts;
calls of other threads pass through.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from transformers import initialization

from tensorseed.checkpoints.derivation.recorded_distributions import fill_of
from tensorseed.checkpoints.derivation.recorder import Observation

_ALONE = threading.Lock()
_ACTIVE = threading.local()


@contextmanager
def noting(observation: Observation) -> Iterator[None]:
    """Let `observation` note the calls of this thread. One at a time: other threads wait."""
    with _ALONE:
        originals = dict(initialization.TORCH_INIT_FUNCTIONS)
        wrapped = {name: _noted(name, function) for name, function in originals.items()}
        places = [
            (module, name)
            for module in map(sys.modules.get, initialization.TORCH_MODULES_TO_PATCH)
            for name in originals
            if module is not None and getattr(module, name, None) is originals[name]
        ]
        _ACTIVE.observation = observation
        try:
            initialization.TORCH_INIT_FUNCTIONS.update(wrapped)
            for module, name in places:
                setattr(module, name, wrapped[name])
            yield
        finally:
            _ACTIVE.observation = None
            initialization.TORCH_INIT_FUNCTIONS.update(originals)
            for module, name in places:
                setattr(module, name, originals[name])


def _noted(name: str, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    signature = inspect.signature(function)

    @wraps(function)
    def noted(*args: Any, **kwargs: Any) -> torch.Tensor:
        observation: Observation | None = getattr(_ACTIVE, "observation", None)
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        arguments = dict(given.arguments)
        tensor: torch.Tensor = arguments["tensor"]
        if observation is None:
            return function(*args, **kwargs)
        fill = fill_of(name.rstrip("_"), _plain(arguments), tuple(tensor.shape))
        observation.fill(tensor, fill if fill is None or tensor.is_contiguous() else fill.anonymous())
        return tensor

    return noted


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that say what the elements are."""
    return {name: value for name, value in arguments.items() if name not in ("tensor", "generator")}
