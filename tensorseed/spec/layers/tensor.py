"""Bare tensor: a shape and an init, in any framework's layout."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.spec.layers.base import Count, Entry
from tensorseed.spec.schemes import ArgumentError, Init


class FanAxes(BaseModel):
    """Which axes of a kernel hold its inputs and outputs; negative axes count from the end."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    in_: int = Field(alias="in", description="The axis of the inputs.", examples=[-2])
    out: int = Field(description="The axis of the outputs.", examples=[-1])


class Tensor(Entry):
    """One tensor of any shape, filled by `init`.

    Formula: w = init
    Source: torch.empty
    """

    exclusion = "it is a bare tensor, through which nothing flows; use a layer that owns it, such as Linear"

    type: Literal["Tensor"]
    shape: tuple[Count, ...] = Field(
        description="The dimensions; an empty list is a single number, a 0 makes a tensor without elements.",
        examples=[[768, 768]],
    )
    init: Init = Field(
        description="What fills the tensor: a scheme's name, or an object with kind and parameters.",
        examples=[{"kind": "normal", "std": 0.02}],
    )
    fan_axes: FanAxes | None = Field(
        default=None,
        description="Axes of inputs and outputs in layouts other than torch's (out, in, *kernel).",
        examples=[{"in": -2, "out": -1}],
    )
    padding_idx: int | None = Field(
        default=None,
        description="The row, along the first dimension, that stays zero whatever the init, as that of an "
        "Embedding does; negative rows count from the end.",
        examples=[0],
    )

    def arguments(self) -> dict[str, Any]:
        """The shape, the fan axes unless they are torch's, and the padding row, counted from the start."""
        axes, row = self._axes(), self.padding_row()
        more = {} if row is None else {"padding_idx": row}
        return {"shape": self.shape} | ({"fan_axes": axes} if axes else {}) | more

    def padding_row(self) -> int | None:
        """The row that stays zero, counted from the start.

        Raises:
            ArgumentError: the tensor has no such row.
        """
        if self.padding_idx is None:
            return None
        rows = self.shape[0] if self.shape else 0
        if not -rows <= self.padding_idx < rows:
            raise ArgumentError(
                ("padding_idx",),
                f"padding_idx must be a row of the tensor, along its first dimension: it has {rows:,}",
            )
        return self.padding_idx % rows

    def _axes(self) -> dict[str, int] | None:
        if self.fan_axes is None:
            return None
        rank = len(self.shape)
        axes = {"in": self.fan_axes.in_ % rank, "out": self.fan_axes.out % rank}
        return None if axes == {"in": 1, "out": 0} else axes
