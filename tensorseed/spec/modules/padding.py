"""Padding of the spatial dimensions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.network_module import Shape
from tensorseed.spec.modules.pooling import Spatial
from tensorseed.spec.numbers import EXACT

_PADDING = "Elements to add on every side, one number or, from the last dimension, one for each side."
_SIDES = 1 << 20

_Side = Annotated[int, Field(ge=-_SIDES, le=_SIDES)]
Around1 = Annotated[_Side | tuple[_Side, _Side], Field(description=_PADDING, examples=[1, [1, 2]])]
Around2 = Annotated[
    _Side | tuple[_Side, _Side, _Side, _Side], Field(description=_PADDING, examples=[1, [1, 1, 2, 2]])
]
Around3 = Annotated[
    _Side | tuple[_Side, _Side, _Side, _Side, _Side, _Side], Field(description=_PADDING, examples=[1])
]
Filling = Annotated[float, Field(description="What the padding holds.", examples=[0.5]), EXACT]


class _Pad1(Spatial):
    rank = 1
    input_dims = (2, 3)
    padding: Around1


class _Pad2(Spatial):
    rank = 2
    input_dims = (3, 4)
    padding: Around2


class _Pad3(Spatial):
    rank = 3
    input_dims = (4, 5)
    padding: Around3


class ZeroPad1d(_Pad1):
    """Zeros around (N, C, L)."""

    type: Literal["ZeroPad1d"]


class ZeroPad2d(_Pad2):
    """Zeros around (N, C, H, W)."""

    type: Literal["ZeroPad2d"]


class ZeroPad3d(_Pad3):
    """Zeros around (N, C, D, H, W)."""

    type: Literal["ZeroPad3d"]


class ConstantPad1d(_Pad1):
    """One number around (N, C, L)."""

    type: Literal["ConstantPad1d"]
    value: Filling


class ConstantPad2d(_Pad2):
    """One number around (N, C, H, W)."""

    type: Literal["ConstantPad2d"]
    value: Filling


class ConstantPad3d(_Pad3):
    """One number around (N, C, D, H, W)."""

    type: Literal["ConstantPad3d"]
    value: Filling


class _Reflection(Spatial):
    """Base of the mirror images, which are shorter than what they mirror."""

    def check_input(self, shape: Shape) -> None:
        """Check that every side has elements to mirror."""
        super().check_input(shape)
        given: int | Shape = self.padding  # type: ignore[attr-defined]
        sides = (given,) * 2 * self.rank if isinstance(given, int) else given
        for index, side in enumerate(sides):
            size = shape[-1 - index // 2]
            if side >= size:
                detail = f"has padding {side} and gets {size}, from an input of shape {list(shape)}"
                raise ValueError(f"{detail}: take a padding of at most {size - 1}")


class ReflectionPad1d(_Reflection, _Pad1):
    """The mirror image of (N, C, L) around it, without its edge."""

    type: Literal["ReflectionPad1d"]


class ReflectionPad2d(_Reflection, _Pad2):
    """The mirror image of (N, C, H, W) around it, without its edge."""

    type: Literal["ReflectionPad2d"]


class ReflectionPad3d(_Reflection, _Pad3):
    """The mirror image of (N, C, D, H, W) around it, without its edge."""

    type: Literal["ReflectionPad3d"]


class ReplicationPad1d(_Pad1):
    """The edge of (N, C, L) again and again around it."""

    type: Literal["ReplicationPad1d"]


class ReplicationPad2d(_Pad2):
    """The edge of (N, C, H, W) again and again around it."""

    type: Literal["ReplicationPad2d"]


class ReplicationPad3d(_Pad3):
    """The edge of (N, C, D, H, W) again and again around it."""

    type: Literal["ReplicationPad3d"]


class CircularPad1d(_Pad1):
    """The other end of (N, C, L) around it."""

    type: Literal["CircularPad1d"]


class CircularPad2d(_Pad2):
    """The other end of (N, C, H, W) around it."""

    type: Literal["CircularPad2d"]


class CircularPad3d(_Pad3):
    """The other end of (N, C, D, H, W) around it."""

    type: Literal["CircularPad3d"]
