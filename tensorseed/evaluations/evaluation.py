"""Parsed evaluation, its variants, and its device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch

from tensorseed.errors import DeviceError
from tensorseed.evaluations.chain import Node
from tensorseed.evaluations.objective import Objective
from tensorseed.evaluations.optimizers import Optimizer
from tensorseed.evaluations.sources import Source
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec

PASSES = 3  # forward, and twice as much backward
PRODUCT_SECONDS = 2e-10
NODE_SECONDS = 5e-5  # of torch's calls for one
REPORT_SECONDS = 0.05


@dataclass(frozen=True)
class Variant:
    """One network: its weights, dtype and optimizer. `label` is None without compare."""

    label: str | None
    resolved: ResolvedSpec
    dtype: str
    optimizer: Optimizer | None


@dataclass(frozen=True)
class Evaluation:
    """A valid request. Only errors that show while computing are left."""

    nodes: tuple[Node, ...]
    variants: tuple[Variant, ...]
    input: Source
    objective: Objective | None
    device: str
    steps: int
    smoothing: float
    training: bool
    return_weights: bool
    compared: bool
    limits: Limits

    @cached_property
    def seconds(self) -> float:
        """Estimated time on one core: each parameter meets each sample and place in every pass."""
        parameters = sum(prod(one.shape) for variant in self.variants for one in variant.resolved.tensors)
        shape = self.input.shape
        places = prod(shape) // max(shape[1:], default=1)
        passes = PASSES * (1 + self.steps)
        per_pass = parameters * places * PRODUCT_SECONDS + len(self.nodes) * len(self.variants) * NODE_SECONDS
        return REPORT_SECONDS + passes * per_pass


def device_of(name: str) -> torch.device:
    """The torch device of `name`, with its number.

    Raises:
        DeviceError: this host has no such device.
    """
    if name in ("auto", "cpu"):
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        known = ", ".join(["cpu", *(f"cuda:{i}" for i in range(count))])
        raise DeviceError(f"this host has no device {name!r}; it has: {known}")
    return torch.device("cuda", index)
