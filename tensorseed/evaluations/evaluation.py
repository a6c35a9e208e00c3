"""Parsed evaluation, its variants, and its device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch

from tensorseed.errors import DeviceError
from tensorseed.evaluations.graph import INPUT, Node
from tensorseed.evaluations.objective import Objective
from tensorseed.evaluations.optimizers import Optimizer
from tensorseed.evaluations.recurrence import TimeSteps, time_steps
from tensorseed.evaluations.report import MAX_TIME_STEPS
from tensorseed.evaluations.request import CalibrationGiven
from tensorseed.evaluations.sources import Source
from tensorseed.sampling.distributions.base import Elements
from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor

PASSES = 3  # forward, and twice as much backward
WIDE = 2  # the time of a pass in float64, in those of float32
NODE_SECONDS = 5e-5  # of torch's calls for one
REPORT_SECONDS = 0.05
SHORT_PASS = 0.01
"""Seconds of a forward pass, estimated for a slow machine, up to which one thread of torch computes it.

Threads would mostly wait for each other, and for a core on a busy machine.
"""


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
    outputs: tuple[Shape, ...]  # of the nodes
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
    recipe: str | None = None  # the request in canonical form; None where it is too long for a URL

    @cached_property
    def seconds(self) -> float:
        """Estimated time on one core: all weights are drawn, and each variant makes its passes."""
        drawn = sum(_drawing_seconds(one) for variant in self.variants for one in variant.resolved.tensors)
        per_pass = self.pass_seconds + len(self.nodes) * NODE_SECONDS
        passes = PASSES * (1 + self.steps)
        if self.calibration is not None:
            drawn *= 2
            passes += WIDE * (1 + self.calibration.max_iterations)
        again = self._time_steps.seconds if self.shows_time_steps else 0.0
        return REPORT_SECONDS + drawn + len(self.variants) * (passes * per_pass + again)

    @property
    def uses_one_thread(self) -> bool:
        """Whether torch computes it in one thread."""
        return self.device in ("auto", "cpu") and self.pass_seconds <= SHORT_PASS

    @property
    def shows_time_steps(self) -> bool:
        """Whether the reports hold gradients at the time steps of recurrent layers."""
        return self.objective is not None and self._time_steps.number * len(self.variants) <= MAX_TIME_STEPS

    @cached_property
    def _time_steps(self) -> TimeSteps:
        """The time steps of one variant."""
        shapes = {INPUT: tuple(self.input.shape), **dict(enumerate(self.outputs))}
        inputs = [shapes[node.sources[0]] for node in self.nodes]
        return time_steps(self.nodes, inputs, training=self.training)


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
