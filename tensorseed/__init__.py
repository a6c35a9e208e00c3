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
    from tensorseed.client.async_client import AsyncClient
    from tensorseed.client.errors import DiskError, MismatchError, NetworkError, RefusedError
    from tensorseed.client.losses import LossResult
    from tensorseed.client.remote_weights import AsyncWeights
    from tensorseed.client.sync_client import Client
    from tensorseed.errors import (
        CapacityError,
        DeviceError,
        EvaluationError,
        Fault,
        LossError,
        ModuleError,
        SliceError,
        SpecError,
        TensorError,
        TensorseedError,
        TooLargeError,
        UnknownNameError,
        UnrepresentableError,
        UnusedRuleWarning,
        VersionError,
    )
    from tensorseed.evaluations import calibrate
    from tensorseed.evaluations.display import EvaluationReport
    from tensorseed.opening import open  # noqa: A004
    from tensorseed.torch.specification import spec_of
    from tensorseed.weights.base import Weights
    from tensorseed.weights.lazy_array import LazyArray

__all__ = [
    "AsyncClient",
    "AsyncWeights",
    "CapacityError",
    "Client",
    "DeviceError",
    "DiskError",
    "EvaluationError",
    "EvaluationReport",
    "Fault",
    "LazyArray",
    "LossError",
    "LossResult",
    "MismatchError",
    "ModuleError",
    "NetworkError",
    "RefusedError",
    "SliceError",
    "SpecError",
    "TensorError",
    "TensorseedError",
    "TooLargeError",
    "UnknownNameError",
    "UnrepresentableError",
    "UnusedRuleWarning",
    "VersionError",
    "Weights",
    "calibrate",
    "open",
    "spec_of",
]

_MODULES = {
    "AsyncClient": "client.async_client",
    "AsyncWeights": "client.remote_weights",
    "Client": "client.sync_client",
    "DiskError": "client.errors",
    "EvaluationReport": "evaluations.display",
    "LazyArray": "weights.lazy_array",
    "LossResult": "client.losses",
    "MismatchError": "client.errors",
    "NetworkError": "client.errors",
    "RefusedError": "client.errors",
    "Weights": "weights.base",
    "calibrate": "evaluations",
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
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__, *_SUBPACKAGES})
