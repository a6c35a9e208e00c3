"""Schemes whose parameters are the numbers themselves."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator

from tensorseed.sampling import distributions
from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.spec.numbers import Float64, inexact
from tensorseed.spec.schemes.base import ArgumentError, Scale, Scheme, Shape
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.layouts import Layout, size_of
from tensorseed.spec.schemes.matrices import in_order
from tensorseed.spec.schemes.structured import KERNEL_DIMENSIONS, Dirac

_DATA_SCHEMA = {
    "anyOf": [{"type": "number"}, {"type": "array", "items": {}}],
    "description": "One number for rank 0, otherwise nested arrays of numbers that match the shape exactly.",
    "examples": [[[1.0, 0.0], [0.0, 1.0]]],
}


class Zeros(Scheme):
    """Every element is zero.

    Formula: w = 0
    Source: torch.nn.init.zeros_
    """

    in_torch = True
    is_random = False

    kind: Literal["zeros"]

    def distribution_for(self, _shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Constant(0)."""
        return distributions.Constant(0.0)

    def rescaled(self, _factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Zeros again."""
        return self


class Ones(Scheme):
    """Every element is one.

    Formula: w = 1
    Source: torch.nn.init.ones_
    """

    in_torch = True
    is_random = False

    kind: Literal["ones"]

    def distribution_for(self, _shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Constant(1)."""
        return distributions.Constant(1.0)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """A constant."""
        return Constant(kind="constant", value=factor)


class Constant(Scheme):
    """Every element is `value`.

    Formula: w = value
    Source: torch.nn.init.constant_
    """

    in_torch = True
    is_random = False

    kind: Literal["constant"]
    value: Float64 = Field(description="The value of every element.", examples=[0.1])

    def distribution_for(self, _shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Constant(value)."""
        return distributions.Constant(self.value)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another value."""
        return Constant(kind="constant", value=factor * self.value)


class Values(Scheme):
    """The elements are written out in `data`, which matches the tensor's shape exactly.

    Formula: w = data
    Source: torch.tensor
    """

    in_torch = True
    is_random = False

    kind: Literal["values"]
    data: Annotated[Any, WithJsonSchema(_DATA_SCHEMA)] = Field(
        description="One number for rank 0, otherwise nested arrays of numbers that match the shape exactly.",
        examples=[[[1.0, 0.0], [0.0, 1.0]]],
    )

    def distribution_for(self, shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Values, row-major.

        Raises:
            ArgumentError: `data` has another shape, is ragged, or holds anything but finite numbers.
        """
        numbers: list[float] = []
        _flatten(self.data, shape, ("data",), shape, self.data, numbers)
        return distributions.Values(tuple(numbers))

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Every number times the factor."""
        return Values(kind="values", data=_multiplied(self.data, factor))


class Uniform(Scheme):
    """Uniform between `a` and `b`.

    Formula: w ~ U[a, b)
    Source: torch.nn.init.uniform_
    """

    in_torch = True

    kind: Literal["uniform"]
    a: Float64 = Field(default=0.0, description="Lower bound, included.", examples=[-0.05])
    b: Float64 = Field(
        default=1.0,
        description="Upper bound, at least `a`; excluded, but a dtype below float32 may round to it.",
        examples=[0.05],
    )

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if self.a > self.b:
            raise ValueError("a is greater than b: give the lower bound as a and the upper one as b")
        return self

    def distribution_for(self, _shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Uniform(a, b)."""
        return distributions.Uniform(self.a, self.b)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Other bounds."""
        return Uniform(kind="uniform", a=factor * self.a, b=factor * self.b)


class Normal(Scheme):
    """Normal with `mean` and standard deviation `std`.

    Formula: w ~ N(mean, std²)
    Source: torch.nn.init.normal_
    """

    in_torch = True

    kind: Literal["normal"]
    mean: Float64 = Field(default=0.0, description="The mean.", examples=[0.0])
    std: Scale = Field(default=1.0, description="The standard deviation, at least 0.", examples=[0.02])

    def distribution_for(self, _shape: Shape, _fans: Fans | None, /) -> AnyDistribution:
        """Normal(mean, std)."""
        return distributions.Normal(self.mean, self.std)

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another mean and deviation."""
        return Normal(kind="normal", mean=factor * self.mean, std=factor * self.std)


class Eye(Scheme):
    """The identity, times `gain`: of a matrix its diagonal, of a convolution `dirac` with the layer's groups.

    Formula: w[i, j] = gain if i = j else 0
    Source: torch.nn.init.eye_
    """

    in_torch = True
    not_in_torch = ("gain",)
    is_random = False

    kind: Literal["eye"]
    gain: Scale = Field(default=1.0, description="The number on the diagonal.", examples=[0.98])

    def canonical(self, shape: Shape, groups: int, /) -> Scheme:
        """`dirac` of a convolution's kernel."""
        if len(shape) not in KERNEL_DIMENSIONS:
            return self
        given = self.model_fields_set  # a fault points at these
        return Dirac.model_construct(given, kind="dirac", groups=groups, gain=self.gain)

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """Eye(columns) for every index of the batch axes, or that of `dirac`.

        Raises:
            ValueError: the tensor is neither a matrix nor a convolution's kernel.
        """
        if len(shape) in KERNEL_DIMENSIONS:
            return self.canonical(shape, 1).distribution_for(shape, fans)
        layout = None if fans is None else Layout.of(shape, fans.axes)
        if layout is None or layout.spatial:
            raise ValueError(
                "eye fills matrices, of two dimensions, and convolution kernels, of three to five: this "
                f"tensor has {_dimensions(len(shape))}"
            )
        if 0 in shape:
            return distributions.Constant(0.0)
        rows, columns = layout.matrix
        return in_order(
            distributions.Eye(size_of(columns), gain=self.gain), (*rows, *columns), math.prod(shape)
        )

    def rescaled(self, factor: float, _shape: Shape, _fans: Fans | None, /) -> Scheme:
        """Another gain."""
        return Eye(kind="eye", gain=factor * self.gain)


def _multiplied(data: Any, factor: float) -> Any:
    """Nested numbers times the factor."""
    if isinstance(data, list | tuple):
        return [_multiplied(part, factor) for part in data]
    return factor * data


def _dimensions(rank: int) -> str:
    return f"{rank} dimension{'' if rank == 1 else 's'}"


def _flatten(
    node: Any, shape: Shape, path: tuple[str | int, ...], whole: Shape, data: Any, numbers: list[float]
) -> None:
    """Append the numbers of `node`, which must have `shape`, to `numbers`."""
    if not shape:
        numbers.append(_number(node, path, whole, data))
        return
    if not isinstance(node, list | tuple) or len(node) != shape[0]:
        raise ArgumentError(path, _mismatch(whole, data))
    for index, child in enumerate(node):
        _flatten(child, shape[1:], (*path, index), whole, data, numbers)


def _number(node: Any, path: tuple[str | int, ...], whole: Shape, data: Any) -> float:
    if isinstance(node, list | tuple):
        raise ArgumentError(path, _mismatch(whole, data))
    if isinstance(node, bool) or not isinstance(node, int | float):
        raise ArgumentError(path, "data holds numbers only: write a JSON number here")
    if isinstance(node, int) and (fault := inexact(node)) is not None:
        raise ArgumentError(path, fault)
    try:
        number = float(node)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ArgumentError(path, "data holds finite numbers only: this one is outside the range of float64")
    return number


def _mismatch(whole: Shape, data: Any) -> str:
    """The sentence for `data` that does not have the shape `whole`."""
    found = _shape_of(data)
    if found == list(whole):
        return f"data is ragged: every part must fill the shape {list(whole)} exactly"
    return f"data has the shape {found}, the tensor has the shape {list(whole)}: they must be equal"


def _shape_of(data: Any) -> list[int]:
    """The shape along the first elements."""
    shape = []
    while isinstance(data, list | tuple):
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return shape
