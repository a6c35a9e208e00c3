"""Initialised weight tensors, each a pure function of its spec.

    weights = tensorseed.open("mlp.json")    # a spec: nothing is computed yet
    weights["fc1.weight"][:10]               # computes ten rows
    weights.save("mlp.safetensors")          # writes the bytes that the service sends

Every name is imported at its first use, so `import tensorseed` imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorseed import jax as jax
    from tensorseed import torch as torch
    from tensorseed.errors import (
        CapacityError,
        DeviceError,
        ModuleError,
        SpecError,
        TensorError,
        TensorseedError,
        TooLargeError,
        UnknownNameError,
        UnrepresentableError,
        VersionError,
    )
    from tensorseed.opening import open  # noqa: A004
    from tensorseed.torch.specification import spec_of
    from tensorseed.weights.base import Weights
    from tensorseed.weights.lazy_array import LazyArray

__all__ = [
    "CapacityError",
    "DeviceError",
    "LazyArray",
    "ModuleError",
    "SpecError",
    "TensorError",
    "TensorseedError",
    "TooLargeError",
    "UnknownNameError",
    "UnrepresentableError",
    "VersionError",
    "Weights",
    "open",
    "spec_of",
]

_MODULES = {
    "LazyArray": "weights.lazy_array",
    "Weights": "weights.base",
    "open": "opening",
    "spec_of": "torch.specification",
}
_SUBPACKAGES = ("jax", "torch")  # not of `import *`, which would import the frameworks


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    if name in _SUBPACKAGES:
        return import_module(f"tensorseed.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'tensorseed' has no attribute {name!r}")
    value = getattr(import_module(f"tensorseed.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
