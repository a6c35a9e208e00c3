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
from tensorseed.evaluations.request import CalibrationGiven
from tensorseed.evaluations.sources import Source
from tensorseed.sampling.distributions.base import Elements
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor

PASSES = 3  # forward, and twice as much backward
WIDE = 2  # the time of a pass in float64, in those of float32
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
    pass_seconds: float  # of one variant, forward, at most
    device: str
    steps: int
    smoothing: float
    training: bool
    return_weights: bool
    compared: bool
    limits: Limits
    calibration: CalibrationGiven | None = None

    @cached_property
    def seconds(self) -> float:
        """Estimated time on one core: all weights are drawn, and each variant makes its passes."""
        drawn = sum(_drawing_seconds(one) for variant in self.variants for one in variant.resolved.tensors)
        per_pass = self.pass_seconds + len(self.nodes) * NODE_SECONDS
        passes = PASSES * (1 + self.steps)
        if self.calibration is not None:
            drawn *= 2
            passes += WIDE * (1 + self.calibration.max_iterations)
        return REPORT_SECONDS + drawn + passes * len(self.variants) * per_pass


def _drawing_seconds(tensor: ResolvedTensor) -> float:
    distribution = tensor.distribution
    elements = Elements(0, prod(tensor.shape))
    return distribution.preparing_seconds(elements, begins=True) + distribution.seconds(
        tensor.dtype, elements
    )


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
