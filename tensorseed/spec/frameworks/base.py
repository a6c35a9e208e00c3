"""Initializers of a framework: names, parameters, and the init they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from tensorseed.spec.numbers import EXACT, Float64, sum_of_product
from tensorseed.spec.schemes import ArgumentError
from tensorseed.spec.schemes.base import Scale

Init = str | dict[str, Any]
"""An init as a spec has it: a scheme's name, or an object with kind and parameters."""

Positive = Annotated[float, Field(gt=0.0), EXACT]
Fan = Literal["fan_in", "fan_out", "fan_avg"]

Parameter = tuple[Any, Any]
"""Type and default of a parameter; the default is `...` where a value is required."""

MEAN: Parameter = (Float64, 0.0)
GAIN: Parameter = (Scale, 1.0)


_OF_KERNELS = ("variance_scaling", "xavier_uniform", "orthogonal", "delta_orthogonal")

KERNELS = {"in": -2, "out": -1}
"""The layout (*kernel, in, out) as `fan_axes`."""


class Initializer(NamedTuple):
    """One initializer of a framework; `names` are its spellings, the documented one first.

    `kind` is the scheme that it means, the first of several, and `arguments` are what stands behind it in
    the catalog: those of the scheme, in terms of the initializer's own. `init` takes the parameters by name
    and gives the same. `ignored` are parameters whose one accepted value, the
    default, says what is done anyway. With `of_matrices` it fills tensors of two dimensions only.
    """

    names: tuple[str, ...]
    kind: str
    arguments: str
    init: Callable[..., Init]
    parameters: Mapping[str, Parameter] = {}
    has_axes: bool = False
    ignored: Mapping[str, int] = {}
    of_matrices: bool = False

    @property
    def meaning(self) -> str:
        """The init in words."""
        return f"{self.kind}{self.arguments}"

    @property
    def uses_layout(self) -> bool:
        """Whether what it draws depends on which axes are the inputs' and the outputs'."""
        return self.has_axes or self.kind in _OF_KERNELS

    @property
    def required(self) -> list[str]:
        """The parameters without a default."""
        return [name for name, (_, default) in self.parameters.items() if default is ...]


class Framework(NamedTuple):
    """A framework whose initializers have names here.

    `prefixes` are what may stand before the name of an initializer, the documented one first. `axes` maps
    the parameters that name axes to the members of `fan_axes`, with the axes that it counts by default.
    `layout` is the `fan_axes` of a kernel where nothing names axes; without it the layout is torch's.
    With `others_repeat` an axis without a role counts for no fan, as that of stacked weights.
    `refused` are parameters, and `excluded` initializers, that have no meaning here, with what to write.
    """

    title: str
    prefixes: tuple[str, ...]
    source: str
    initializers: tuple[Initializer, ...]
    axes: Mapping[str, tuple[str, int | None]] = {}
    layout: Mapping[str, int] = {}
    others_repeat: bool = False
    refused: Mapping[str, str] = {}
    excluded: Mapping[str, str] = {}

    def find(self, name: str) -> Initializer | None:
        """The initializer with this name, without a prefix."""
        return next((found for found in self.initializers if name in found.names), None)


def scaled(scale: float, mode: str = "fan_in", distribution: str = "truncated_normal") -> dict[str, Any]:
    """variance_scaling with these arguments."""
    return {"kind": "variance_scaling", "scale": scale, "mode": mode, "distribution": distribution}


def truncated(mean: float, std: float, low: float = -2.0, high: float = 2.0) -> dict[str, Any]:
    """trunc_normal from `low` to `high` deviations around the mean; `std` is that before truncation."""
    a, b = (sum_of_product(mean, bound, std) for bound in (low, high))
    return {"kind": "trunc_normal", "mean": mean, "std": std, "a": a, "b": b}


def around_zero(bound: float) -> dict[str, Any]:
    """uniform from −bound to bound."""
    return {"kind": "uniform", "a": 0.0 - bound, "b": bound}


def check_order(low: str, lower: float, high: str, upper: float) -> None:
    """Check that the bound called `low` is at most the one called `high`.

    Raises:
        ArgumentError: it is greater.
    """
    if lower > upper:
        raise ArgumentError((low,), f"{low} is greater than {high}: give the lower bound as {low}")


def bare(names: str, kind: str) -> Initializer:
    """An initializer without parameters; `names` are separated by spaces."""
    return Initializer(tuple(names.split()), kind, "", lambda: kind)


def constant(names: str, parameter: str = "value", default: Any = 0.0) -> Initializer:
    """An initializer of one number."""
    return Initializer(
        tuple(names.split()),
        "constant",
        f"({_argument('value', parameter)})",
        lambda **given: {"kind": "constant", "value": given[parameter]},
        {parameter: (Float64, default)},
    )


def uniform(names: str, low: str, high: str, bounds: tuple[float, float]) -> Initializer:
    """An initializer between two bounds."""

    def init(**given: float) -> Init:
        check_order(low, given[low], high, given[high])
        return {"kind": "uniform", "a": given[low], "b": given[high]}

    return Initializer(
        tuple(names.split()),
        "uniform",
        f"({_argument('a', low)}, {_argument('b', high)})",
        init,
        {low: (Float64, bounds[0]), high: (Float64, bounds[1])},
    )


def normal(names: str, std: str, default: float, *, with_mean: bool = True) -> Initializer:
    """A normal initializer whose deviation is called `std`."""
    return Initializer(
        tuple(names.split()),
        "normal",
        f"({'mean, ' * with_mean}{_argument('std', std)})",
        lambda **given: {"kind": "normal", "mean": given.get("mean", 0.0), "std": given[std]},
        ({"mean": MEAN} if with_mean else {}) | {std: (Scale, default)},
    )


def orthogonal(names: str, parameter: str = "gain", kind: str = "orthogonal") -> Initializer:
    """An orthogonal initializer, whose factor is called `parameter`."""
    return Initializer(
        tuple(names.split()),
        kind,
        f"({_argument('gain', parameter)})",
        lambda **given: {"kind": kind, "gain": given[parameter]},
        {parameter: GAIN},
    )


def _argument(name: str, parameter: str) -> str:
    """An argument in words, with the parameter that gives it where that has another name."""
    return name if name == parameter else f"{name}={parameter}"
