"""Learned scales of channels, or of all of a tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tensorseed.spec.layers.base import NO_UNITS, Count, Layer, Slot
from tensorseed.spec.layers.network_module import Computation, InputAxis, Shape
from tensorseed.spec.schemes.plain import Constant

if TYPE_CHECKING:
    import torch

# The default of timm's LayerScale, and of CaiT with more than 18 blocks up to 24.
_INITIAL = Constant(kind="constant", value=1e-5)
_MAX_AXIS = 63


class LayerScale(Layer):
    """A learned factor of each channel, or of the whole tensor.

    Formula: y = gamma · x
    Source: Touvron et al.: Going deeper with image transformers, ICCV 2021
    """

    computation = Computation.MATRIX_PRODUCT
    in_torch = False

    type: Literal["LayerScale"]
    dim: Count = Field(
        description="Number of factors: that of the channels, or 1 for the whole tensor, as in ReZero.",
        examples=[768],
    )
    axis: int = Field(
        default=-1,
        ge=-_MAX_AXIS - 1,
        le=_MAX_AXIS,
        description="The axis of the channels in the input; 1 for images. One factor has none.",
        examples=[1],
    )

    def slots(self) -> Iterator[Slot]:
        """For another factor give gamma a constant init, and zeros for ReZero.

        gamma (dim): constant(1e-05)
        """
        yield Slot("gamma", (self.dim,), _INITIAL, role=NO_UNITS)

    def arguments(self) -> dict[str, Any]:
        """The arguments, without an axis where one factor is for all of them."""
        return {name: value for name, value in super().arguments().items() if name != "axis" or self.dim != 1}

    def check_input(self, shape: Shape) -> None:
        """Check the channels, unless there is one factor for all."""
        if self.dim == 1:
            return
        if not -len(shape) <= self.axis < len(shape):
            detail = f"an axis that its input {list(shape)} lacks: set axis to that of the channels"
            raise ValueError(f"has axis {self.axis}, {detail}")
        try:
            self._check_axis(InputAxis("dim", self.axis), shape)
        except ValueError as error:
            other = next((axis for axis, size in enumerate(shape) if axis and size == self.dim), None)
            if other is None:
                raise
            raise ValueError(f"{error}, or set axis to {other}") from None

    def feature_axis(self) -> int | None:
        """The axis of the input."""
        return None

    def build(self, **factory: Any) -> torch.nn.Module:
        """A module that owns gamma: `forward` computes."""
        import torch

        module = torch.nn.Module()
        gamma = torch.full((self.dim,), _INITIAL.value, **factory)
        module.register_parameter("gamma", torch.nn.Parameter(gamma))
        return module

    def forward(self, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The product, gamma along the axis."""
        shape = [1] * x.dim()
        if self.dim != 1:
            shape[self.axis] = self.dim
        return x * module.get_parameter("gamma").view(shape)
