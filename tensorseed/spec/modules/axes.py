"""Modules that select from axes, permute them, and average over them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tensorseed.spec.layers.network_module import InputDtype, Shape
from tensorseed.spec.modules.base import TorchFunction
from tensorseed.spec.modules.sigmoid_like import check_axis

if TYPE_CHECKING:
    import torch


class Select(TorchFunction):
    """The slice at index along dim, without that dimension, such as the last time step.

    Source: torch.select
    """

    input_dtype = InputDtype.ANY
    type: Literal["Select"]
    dim: int = Field(description="The dimension that goes.", examples=[1])
    index: int = Field(default=-1, description="The place along it; -1 is the last.", examples=[-1])

    def check_input(self, shape: Shape) -> None:
        """The axis exists, and has the index."""
        check_axis("dim", self.dim, shape)
        size = shape[self.dim]
        if not -size <= self.index < size:
            raise ValueError(
                f"has index {self.index}, and axis {self.dim} of {list(shape)} has the size {size}"
            )

    def moved_axis(self, axis: int, shape: Shape) -> int:
        """The same axis without the one that goes."""
        return without_axes(axis, {self.dim % len(shape)}, len(shape))

    def forward(self, _module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The slice."""
        return x.select(self.dim, self.index)


class Permute(TorchFunction):
    """The dimensions in the order of dims.

    Source: torch.permute
    """

    input_dtype = InputDtype.ANY
    type: Literal["Permute"]
    dims: tuple[int, ...] = Field(
        description="For each dimension of the output, that of the input.", examples=[[0, 2, 1]]
    )

    def check_input(self, shape: Shape) -> None:
        """Every dimension once."""
        if {dim % len(shape) for dim in self.dims if -len(shape) <= dim < len(shape)} != {
            *range(len(shape))
        } or (len(self.dims) != len(shape)):
            raise ValueError(f"has dims {list(self.dims)}, and needs each axis of {list(shape)} once")

    def moved_axis(self, axis: int, shape: Shape) -> int:
        """Where the axis goes."""
        dims = len(shape)
        return [dim % dims for dim in self.dims].index(axis % dims) - dims if -dims <= axis else -1

    def forward(self, _module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """A view of the input."""
        return x.permute(self.dims)


class Mean(TorchFunction):
    """The mean over one dimension, or over several.

    Source: torch.mean
    """

    averages = True
    type: Literal["Mean"]
    dim: int | tuple[int, ...] = Field(
        description="The dimensions that are averaged over, such as time, or [2, 3] of an image.",
        examples=[1, [2, 3]],
    )
    keepdim: bool = Field(default=False, description="Whether they stay, with size 1.", examples=[True])

    def check_input(self, shape: Shape) -> None:
        """The axes exist, each once."""
        for dim in self._dims():
            check_axis("dim", dim, shape)
        if not self._dims() or len({dim % len(shape) for dim in self._dims()}) < len(self._dims()):
            raise ValueError(f"has dim {list(self._dims())}, and needs one axis or more, each once")

    def moved_axis(self, axis: int, shape: Shape) -> int:
        """The same axis without those that go."""
        if self.keepdim:
            return axis
        return without_axes(axis, {dim % len(shape) for dim in self._dims()}, len(shape))

    def _dims(self) -> tuple[int, ...]:
        return (self.dim,) if isinstance(self.dim, int) else self.dim

    def forward(self, _module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The mean."""
        return x.mean(self._dims(), keepdim=self.keepdim)


def without_axes(axis: int, gone: Collection[int], dims: int) -> int:
    """Where an axis is, from the end, once others are gone: -1 where it is gone itself.

    `gone` are counted from the start of `dims` dimensions.
    """
    place = axis + dims
    if place < 0 or place in gone:
        return -1
    return axis + sum(one > place for one in gone)
