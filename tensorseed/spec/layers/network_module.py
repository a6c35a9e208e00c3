"""Interface of a layer in a network: input, output and cost."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import BaseModel

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]


class InputDtype(enum.Enum):
    """The numbers that a layer takes."""

    FLOAT = "float"
    INTEGER = "integer"
    ANY = "any"


class Computation(enum.Enum):
    """The operation that dominates a forward pass, by which its cost is estimated."""

    WINDOWS = "windows"
    LOOKUP = "lookup"
    MATRIX_PRODUCT = "matrix product"
    CONVOLUTION = "convolution"
    TRANSPOSED_CONVOLUTION = "transposed convolution"
    RECURRENCE = "recurrence"


class Bounds(NamedTuple):
    """Bounds of a module's function, None where it has none. Near a bound its slope is nearly 0."""

    low: float | None
    high: float | None

    @property
    def margin(self) -> float:
        """The distance that counts as near: 1 % of the range, which begins at 0 if unbounded."""
        return 0.01 * abs((self.high or 0.0) - (self.low or 0.0))


SIGNED_UNIT = Bounds(-1.0, 1.0)

LINEAR_INIT = "xavier_normal, whose gain is 1"
RELU_INIT = "kaiming_normal with nonlinearity relu, whose gain is √2"
LEAKY_RELU_INIT = "kaiming_normal with nonlinearity leaky_relu and its slope as a"
TANH_INIT = "xavier_normal with a gain of 5/3"
SELU_INIT = "lecun_normal, whose gain is 1"
SINE_INIT = "siren with the omega of Sine"


class InputAxis(NamedTuple):
    """The argument that fixes the size of one input axis, and the numbers of dimensions, any if empty."""

    argument: str
    axis: int
    dims: tuple[int, ...] = ()


def channel_axis(argument: str, rank: int) -> InputAxis:
    """The input axis of a layer over (N, C, *spatial) or (C, *spatial), with `rank` spatial dimensions."""
    return InputAxis(argument, -rank - 1, (rank + 1, rank + 2))


class Attention(NamedTuple):
    """The attention of a layer: its heads, and whether inputs are (N, L, features)."""

    heads: int
    batch_first: bool


class NetworkModule(BaseModel):
    """Base of everything that a network can hold: one tensor in, one tensor out."""

    computation: ClassVar[Computation]
    input_dtype: ClassVar[InputDtype] = InputDtype.FLOAT
    input_axis: ClassVar[InputAxis | None] = None
    input_dims: ClassVar[tuple[int, ...]] = ()
    """The numbers of dimensions that an input may have; any if empty."""
    always_random: ClassVar[bool] = False
    """Whether a forward pass draws random numbers even without training."""
    rectifies: ClassVar[bool] = False
    """Whether it maps a half line to 0, so that a unit can be dead."""
    normalizes: ClassVar[bool] = False
    """Whether its weight is a gain, and no matrix even with two dimensions or more."""
    averages: ClassVar[bool] = False
    """Whether it takes means over places, which make a gradient smaller."""
    recommended_init: ClassVar[str | None] = None
    """The init of the layer before it that keeps the signal's scale, in words."""

    def check_input(self, shape: Shape) -> None:
        """Check that an input of `shape` fits.

        Raises:
            ValueError: it does not. The sentence continues the layer's name.
        """
        dims = self.input_dims if self.input_axis is None else self.input_axis.dims
        if dims and len(shape) not in dims:
            counts = " or ".join(map(str, dims))
            raise ValueError(f"takes an input of {counts} dimensions and gets {len(shape)}: {list(shape)}")
        if self.input_axis is not None:
            self._check_axis(self.input_axis, shape)

    def _check_axis(self, size: InputAxis, shape: Shape) -> None:
        argument, axis, _ = size
        wanted = self._argument(argument)
        least = axis + 1 if axis >= 0 else -axis
        if len(shape) < max(least, 1):
            raise ValueError(f"takes an input of at least {least} dimensions and gets {list(shape)}")
        got = shape[axis]
        if got != wanted:
            detail = f"has {argument} {wanted} and gets {got}, from an input of shape {list(shape)}"
            raise ValueError(f"{detail}: set {argument} to {got}, or make the layers before it give {wanted}")

    def _argument(self, name: str) -> int:
        return int(getattr(self, name))

    def check_training_input(self, shape: Shape) -> None:
        """Check that an input of `shape`, which fits, fits while training too.

        Raises:
            ValueError: it does not. The sentence continues the layer's name.
        """

    def feature_axis(self) -> int | None:
        """The axis of the features in the output, from the end; None where it is that of the input."""
        return -1

    def moved_axis(self, axis: int, _shape: Shape, /) -> int:
        """The axis of the features in the output, from the end.

        `axis` is that in the input, which has the shape of the second argument.
        """
        own = self.feature_axis()
        return axis if own is None else own

    def distribution_axis(self, _dims: int, /) -> int | None:
        """The axis, from the end, along which the output of so many dimensions is a distribution.

        None where it is none.
        """
        return None

    def bounds(self) -> Bounds | None:
        """The bounds of the output; None where it has none."""
        return None

    def window(self) -> int:
        """The number of input elements that one output element is computed from."""
        return 1

    def draws_in_training(self) -> bool:
        """Whether a forward pass draws random numbers while training."""
        return False

    def is_random(self, *, training: bool) -> bool:
        """Whether a forward pass draws random numbers."""
        return self.always_random or (training and self.draws_in_training())

    def index_count(self) -> int | None:
        """The number of valid indices in an input of integers; None for other inputs."""
        return None

    def attention(self) -> Attention | None:
        """The attention that holds a matrix of all pairs of positions; None without one."""
        return None

    def forward(self, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The output of `module`, this layer's real module, for `x`."""
        y: torch.Tensor = module(x)
        return y


def check_window(
    shape: Shape, window: Shape, padding: Shape | None = None, dilation: Shape | None = None
) -> None:
    """Check that a window fits into the last dimensions of an input, with their padding on both sides.

    Raises:
        ValueError: it does not. The sentence continues the layer's name.
    """
    rank = len(window)
    pads, steps = padding or (0,) * rank, dilation or (1,) * rank
    for size, width, pad, step in zip(shape[-rank:], window, pads, steps, strict=True):
        spread = step * (width - 1) + 1
        if spread > size + 2 * pad:
            over = f", {spread} with its dilation" if step > 1 else ""
            padded = f", {size + 2 * pad} with its padding" if pad else ""
            got = f"gets {size}{padded}, from an input of shape {list(shape)}"
            remedy = "take a smaller kernel_size, or make the layers before it give more"
            raise ValueError(f"has kernel_size {width}{over} and {got}: {remedy}")
