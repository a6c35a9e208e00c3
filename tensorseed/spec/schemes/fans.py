"""fan_in, fan_out and gain, which scale a weight to its signal.

The results are on the way to a weight. So only IEEE double arithmetic and `math.sqrt` take part: they are
correctly rounded on every machine, which `pow`, `exp` and `log` are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

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


@dataclass(frozen=True, slots=True)
class Fans:
    """`fan_in` is the number of inputs of one output, `fan_out` the number of outputs of one input."""

    fan_in: int
    fan_out: int
    in_axis: int = field(default=1, compare=False)  # of the shape, counted from the start
    out_axis: int = field(default=0, compare=False)


def fans(shape: Sequence[int], in_axis: int = 1, out_axis: int = 0) -> Fans | None:
    """fan_in = shape[in_axis] · r and fan_out = shape[out_axis] · r, r the product of all other dimensions.

    The default axes are torch's: a weight is (out, in, *kernel). JAX and Keras kernels, (*kernel, in, out),
    have `in_axis=-2, out_axis=-1`. The axes must be distinct and in range. None for fewer than two
    dimensions, where fans have no meaning.
    """
    if len(shape) < 2:
        return None
    if (in_axis, out_axis) == (1, 0):
        receptive = math.prod(shape[2:])
        return Fans(shape[1] * receptive, shape[0] * receptive)
    inputs, outputs = in_axis % len(shape), out_axis % len(shape)
    receptive = math.prod(size for axis, size in enumerate(shape) if axis not in (inputs, outputs))
    return Fans(shape[inputs] * receptive, shape[outputs] * receptive, inputs, outputs)


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
