"""Bare tensor: a shape and an init, in any framework's layout."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from tensorseed.spec.layers.base import Count, Entry
from tensorseed.spec.limits import MAX_AXES
from tensorseed.spec.quantizations import AnyQuantization
from tensorseed.spec.schemes import ArgumentError, Init
from tensorseed.spec.schemes.fans import TORCH_AXES, Axes

_AXES_SCHEMA = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}


def _axes(value: Any) -> tuple[int, ...]:
    """An axis, or a list of axes, as a tuple."""
    if type(value) is int:
        return (value,)
    if not isinstance(value, list | tuple) or any(type(axis) is not int for axis in value):
        raise ValueError("an axis is an integer, and several are a list of integers, such as [0, 1]")
    if len(value) > MAX_AXES:
        raise ValueError(f"a tensor has at most {MAX_AXES} axes, and this list has {len(value):,}")
    return tuple(value)


AxisList = Annotated[tuple[int, ...], BeforeValidator(_axes), WithJsonSchema(_AXES_SCHEMA)]


class FanAxes(BaseModel):
    """The axes of a kernel by their use, each a number or a list; negative axes count from the end.

    Axes without a use are those that a convolution slides along.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    in_: AxisList = Field(alias="in", description="The axes of the inputs.", examples=[-2, [0, 1]])
    out: AxisList = Field(description="The axes of the outputs.", examples=[-1, [1, 2]])
    batch: AxisList = Field(
        default=(),
        description="The axes along which every index has a kernel of its own, such as those of experts.",
        examples=[0],
    )
    groups: Annotated[int, Field(ge=1)] = Field(
        default=1,
        description="Groups of outputs, each with a kernel of its own; divides the one axis of the outputs.",
        examples=[32],
    )

    def axes_of(self, shape: tuple[int, ...]) -> Axes:
        """The axes of a tensor of `shape`, counted from the start.

        Raises:
            ArgumentError: the tensor has no such axes, or an axis has two uses.
        """
        rank, uses = len(shape), dict[int, str]()
        if rank < 2:
            raise ArgumentError(
                (), "fan_axes needs at least two dimensions: leave it out, or give the shape more"
            )
        for use, axes in (("in", self.in_), ("out", self.out), ("batch", self.batch)):
            for index, axis in enumerate(axes):
                path = (use, index) if len(axes) > 1 else (use,)
                if not -rank <= axis < rank:
                    raise ArgumentError(
                        path,
                        f"this axis does not exist: {rank} dimensions have the axes {-rank} to {rank - 1}",
                    )
                known = uses.setdefault(axis % rank, use)
                if known != use:
                    raise ArgumentError((), f"{known} and {use} are the same axis: give two different ones")
                if [other % rank for other in axes[:index]].count(axis % rank):
                    raise ArgumentError(path, f"{use} has this axis twice: leave it out here")
        inputs, outputs, batch = (
            tuple(sorted(axis % rank for axis in axes)) for axes in (self.in_, self.out, self.batch)
        )
        if self.groups > 1 and len(outputs) != 1:
            raise ArgumentError(("groups",), "groups divides one axis of outputs: give out as one axis")
        if self.groups > 1 and shape[outputs[0]] % self.groups:
            detail = f"groups must divide the {shape[outputs[0]]:,} outputs, {self.groups:,} does not"
            raise ArgumentError(("groups",), detail)
        return Axes(inputs, outputs, batch, self.groups)


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
        description="Axes of inputs, outputs, batches and groups in layouts other than torch's (out, in, "
        "*kernel).",
        examples=[{"in": -2, "out": -1}],
    )
    padding_idx: int | None = Field(
        default=None,
        description="The row, along the first dimension even with fan_axes, that stays zero whatever the "
        "init, as that of an Embedding does; negative rows count from the end.",
        examples=[0],
    )

    quantization: AnyQuantization | None = Field(
        default=None,
        description="The quantisation that the file holds in the place of the tensor: a method's name, or an "
        "object with method and options.",
        examples=["fp8"],
    )

    def arguments(self) -> dict[str, Any]:
        """The shape, the fan axes unless they are torch's, the padding row, and the quantisation."""
        axes, row = self.axes().members(), self.padding_row()
        more = {} if row is None else {"padding_idx": row}
        if self.quantization is not None:
            more["quantization"] = self.quantization.value()
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

    def axes(self) -> Axes:
        """The axes of the fans, torch's unless `fan_axes` names others.

        Raises:
            ArgumentError: the tensor has no such axes.
        """
        return TORCH_AXES if self.fan_axes is None else self.fan_axes.axes_of(self.shape)
