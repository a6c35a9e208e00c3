"""Axes that an initializer names, as `fan_axes` of its tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorseed.spec.frameworks import Found
from tensorseed.spec.limits import MAX_AXES
from tensorseed.spec.schemes import ArgumentError

_TORCHS_LAYOUT = (
    "{0} is for a Tensor: a weight of a layer has torch's layout (out, in, *kernel), whose fans count"
)
_OF_PARTS = "{0} is of the whole tensor, not of a part: write fan_axes beside init, and leave {0} out here"
_NO_RANK = "which axes {0} leaves out depends on the shape: write fan_axes in their place"

Axes = dict[str, Any]


class Holder:
    """A tensor that an init fills: what becomes its axes, and its rank where that is known.

    `layout` is what its axes are by default, as the framework has them. Of a part the whole tensor has them.
    """

    def __init__(self, axes: Axes, rank: int | None, *, part: bool = False) -> None:
        self.axes = axes
        self.part = part
        self.layout: Mapping[str, int] = {}
        self.rank = rank


def set_axes(found: Found, given: Axes, holder: Holder | None) -> None:
    """Add the `fan_axes` that the axes of an initializer mean to its holder.

    Raises:
        ArgumentError: they are no axes, or nothing there can have them.
    """
    if not given:
        if holder is not None and found.initializer.uses_layout:
            holder.layout = found.framework.layout
        return
    first = next(iter(given))
    if holder is None or holder.part:
        raise ArgumentError((first,), (_OF_PARTS if holder else _TORCHS_LAYOUT).format(first))
    axes = {}
    for name, (role, default) in found.framework.axes.items():
        axis = _axis(name, given[name]) if name in given else default
        if axis is None and role != "batch":
            raise ArgumentError((first,), f"{name} is missing: give the axes of inputs and of outputs")
        if axis is not None and axis != []:
            axes[role] = axis
    if found.framework.others_repeat:
        if holder.rank is None:
            raise ArgumentError((first,), _NO_RANK.format(first))
        others = _others(axes, holder.rank)
        axes |= {"batch": others} if others else {}
    holder.axes.update(axes)


def _axis(name: str, value: Any) -> int | list[int]:
    if type(value) is int:
        return value
    if isinstance(value, list) and len(value) <= MAX_AXES and all(type(axis) is int for axis in value):
        return value[0] if len(value) == 1 else value
    raise ArgumentError((name,), f"{name} must be an axis, or a list of axes such as [0, 1]")


def _others(axes: Axes, rank: int) -> list[int]:
    """The axes of a tensor that none of those named is."""
    named = [axis for value in axes.values() for axis in (value if isinstance(value, list) else [value])]
    taken = {axis + rank if axis < 0 else axis for axis in named}
    return [axis for axis in range(rank) if axis not in taken]
