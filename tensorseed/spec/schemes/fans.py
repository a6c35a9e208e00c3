"""fan_in, fan_out and gain, which scale a weight to its signal.

The results are on the way to a weight. So only IEEE double arithmetic and `math.sqrt` take part: they are
correctly rounded on every machine, which `pow`, `exp` and `log` are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

Nonlinearity = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]
NONLINEARITIES: tuple[str, ...] = get_args(Nonlinearity)


class Axes(NamedTuple):
    """The axes of a kernel by their use, counted from the start and ascending; all others are spatial.

    Every index along the batch axes has a kernel of its own. `groups` divides the one axis of the outputs
    into as many groups, each with a kernel of its own, as a grouped convolution does.
    """

    inputs: tuple[int, ...] = (1,)
    outputs: tuple[int, ...] = (0,)
    batch: tuple[int, ...] = ()
    groups: int = 1

    def members(self) -> dict[str, Any]:
        """`in`, `out`, `batch` and `groups` as a recipe has them; none where they are torch's."""
        if self == TORCH_AXES:
            return {}
        sides = {"in": _written(self.inputs), "out": _written(self.outputs)}
        batch = {"batch": _written(self.batch)} if self.batch else {}
        return {**sides, **batch, **({"groups": self.groups} if self.groups > 1 else {})}


TORCH_AXES = Axes()
"""A weight is (out, in, *kernel)."""


@dataclass(frozen=True, slots=True)
class Fans:
    """`fan_in` is the number of inputs of one output, `fan_out` the number of outputs of one input."""

    fan_in: int
    fan_out: int
    axes: Axes = field(default=TORCH_AXES, compare=False)


def fans(shape: Sequence[int], axes: Axes = TORCH_AXES) -> Fans | None:
    """fan_in = i · r and fan_out = o · r / groups; None for fewer than two dimensions, which have no fans.

    i, o and r are the products of the sizes of the input, output and spatial axes. The sizes of batch axes
    take no part. The axes must be those of the shape, and no axis may have two uses.
    """
    if len(shape) < 2:
        return None
    if axes == TORCH_AXES:
        receptive = math.prod(shape[2:])
        return Fans(shape[1] * receptive, shape[0] * receptive)
    used = {*axes.inputs, *axes.outputs, *axes.batch}
    receptive = math.prod(size for axis, size in enumerate(shape) if axis not in used)
    inputs, outputs = (math.prod(shape[axis] for axis in side) for side in (axes.inputs, axes.outputs))
    return Fans(inputs * receptive, outputs // axes.groups * receptive, axes)


def _written(axes: tuple[int, ...]) -> int | tuple[int, ...]:
    """One axis as a number, several as a list."""
    return axes[0] if len(axes) == 1 else axes


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """The factor that keeps a signal's variance, as in `torch.nn.init.calculate_gain`.

    It is 1 for the linear ones and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky_relu
    with the given slope on the negative side, and 3/4 for selu.

    Raises:
        ValueError: the name is another, or slope² overflows.
    """
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        square = slope * slope
        if math.isinf(square):
            raise ValueError(
                "the square of a overflows: a is the negative slope of leaky_relu, give a smaller one"
            )
        return math.sqrt(2.0 / (1.0 + square))
    if nonlinearity == "tanh":
        return 5.0 / 3.0
    if nonlinearity == "selu":
        return 0.75
    if nonlinearity in NONLINEARITIES:
        return 1.0
    raise ValueError(f"unknown nonlinearity; valid are {', '.join(NONLINEARITIES)}")
