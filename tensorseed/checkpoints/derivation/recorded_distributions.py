"""Recorded distributions of tensor regions, and their arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tensorseed.checkpoints.derivation.recorded_functions import (
    Steps,
    extended,
    init_of_function,
    sum_of,
)

MAX_VALUES = 4_096  # numbers of one tensor that are written out
WEIGHT_NORM = "weight_norm"

Init = dict[str, Any]

_DEFAULTS = {  # the numbers of each kind, in their order
    "normal": {"mean": 0.0, "std": 1.0},
    "uniform": {"a": 0.0, "b": 1.0},
    "trunc_normal": {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
}


@dataclass(frozen=True, slots=True)
class RecordedDistribution:
    """A distribution of independent elements, by the name and the numbers of an elementwise scheme.

    `kind` is constant (value), normal (mean, std), uniform (a, b) or trunc_normal (mean, std, a, b).
    `spelling` is the init that a whole tensor of `shape` was given, where that says more than the numbers.
    `kind` function is that of a uniform's draw (a, b): `steps` are done one after the other. Its `token`
    stands for the draw, which several tensors may be functions of.
    `kind` structured has no numbers: the elements depend on each other, and only `spelling` says how.
    """

    kind: str
    numbers: tuple[float, ...] = ()
    spelling: Init | None = field(default=None, compare=False)
    shape: tuple[int, ...] | None = field(default=None, compare=False)
    steps: Steps = ()
    token: object = field(default_factory=object, compare=False, repr=False)

    def anonymous(self) -> RecordedDistribution | None:
        """The same elements in another arrangement; None where they have no other."""
        return None if self.kind == "structured" else replace(self, spelling=None, shape=None)

    def scaled(self, factor: float) -> RecordedDistribution | None:
        """The distribution of `factor` times the element."""
        if self.kind == "structured":
            return self._regained(factor)
        if self.kind == "function":
            return self.mapped("mul", factor)
        if self.kind == "constant":
            return constant(self.numbers[0] * factor)
        if self.kind == "normal":
            return RecordedDistribution("normal", (self.numbers[0] * factor, self.numbers[1] * abs(factor)))
        ends = sorted(end * factor for end in self.numbers[-2:])
        if self.kind == "uniform":
            return RecordedDistribution("uniform", (ends[0], ends[1]))
        return RecordedDistribution(
            "trunc_normal", (self.numbers[0] * factor, self.numbers[1] * abs(factor), ends[0], ends[1])
        )

    def shifted(self, amount: float) -> RecordedDistribution | None:
        """The distribution of the element plus `amount`."""
        if self.kind == "structured":
            return None
        if self.kind == "function":
            return self.mapped("add", amount)
        if self.kind == "trunc_normal":
            mean, std, low, high = self.numbers
            return RecordedDistribution("trunc_normal", (mean + amount, std, low + amount, high + amount))
        if self.kind == "normal":
            return RecordedDistribution("normal", (self.numbers[0] + amount, self.numbers[1]))
        return RecordedDistribution(self.kind, tuple(number + amount for number in self.numbers))

    def clamped(self, low: float, high: float) -> RecordedDistribution | None:
        """The distribution of the element, clamped to [low, high]; None where that changes it."""
        if self.kind == "constant":
            return constant(min(max(self.numbers[0], low), high))
        if self.kind == "function":
            return self.mapped("max", low) if math.isinf(high) else None
        inside = self.kind in ("uniform", "trunc_normal")
        return self if inside and low <= self.numbers[-2] and self.numbers[-1] <= high else None

    def mapped(self, name: str, number: float = 0.0) -> RecordedDistribution | None:
        """The distribution of a function of the element; None where it is none of a uniform's draw."""
        if self.kind not in ("uniform", "function"):
            return None
        steps = extended(self.steps, (name, number))
        return None if steps is None else self._function(steps)

    def plus(self, other: RecordedDistribution) -> RecordedDistribution | None:
        """The distribution of the sum with a function of the same draw; None where it is not known."""
        if self.token is not other.token or "function" not in (self.kind, other.kind):
            return None
        steps = sum_of(self.steps, other.steps)
        return None if steps is None else self._function(steps)

    def _function(self, steps: Steps) -> RecordedDistribution:
        return RecordedDistribution("function", self.numbers, None, None, steps, self.token)

    def _regained(self, factor: float) -> RecordedDistribution | None:
        if self.spelling is None or self.spelling["kind"] != "orthogonal":
            return None
        gain = self.spelling.get("gain", 1.0) * factor
        return replace(self, spelling={"kind": "orthogonal", "gain": gain})


def constant(value: float) -> RecordedDistribution:
    """Every element is `value`."""
    return RecordedDistribution("constant", (float(value),))


def normal(mean: float = 0.0, std: float = 1.0) -> RecordedDistribution:
    """N(mean, std²)."""
    return constant(mean) if std == 0 else RecordedDistribution("normal", (float(mean), float(std)))


def uniform(a: float = 0.0, b: float = 1.0) -> RecordedDistribution:
    """U[a, b)."""
    return constant(a) if a == b else RecordedDistribution("uniform", (float(a), float(b)))


def norm_of(
    whole: RecordedDistribution | None, shape: tuple[int, ...], of_shape: Sequence[int], key: object
) -> RecordedDistribution | None:
    """The norms, of `shape`, of a tensor's slices; `key` says which tensor. None where no scheme has them."""
    if whole is None or whole.kind not in ("uniform", "normal"):
        return None
    names = ("a", "b") if whole.kind == "uniform" else ("mean", "std")
    numbers = dict(zip(names, whole.numbers, strict=True))
    if numbers.get("mean") == 0.0:
        del numbers["mean"]
    spelling = {"kind": WEIGHT_NORM, "of": key, "of_shape": list(of_shape), **numbers}
    return RecordedDistribution("structured", (), spelling, shape)


def decay(rates: Sequence[float], distance: str, shape: tuple[int, ...]) -> RecordedDistribution:
    """The decays of heads at these rates, in a tensor of `shape`."""
    spelling = {"kind": "decay", "rates": [*rates], **({} if distance == "past" else {"distance": distance})}
    return RecordedDistribution("structured", tuple(rates), spelling, shape, ((distance, 0.0),))


def distribution_of(
    function: str, arguments: dict[str, Any], shape: tuple[int, ...]
) -> RecordedDistribution | None:
    """The fill by torch.nn.init's `function`_, called with `arguments`; None for one that is not known."""
    if function in ("zeros", "ones"):
        return constant(0.0 if function == "zeros" else 1.0)
    if function == "constant":
        return constant(arguments["val"])
    if function == "normal":
        return normal(arguments["mean"], arguments["std"])
    if function == "uniform":
        return uniform(arguments["a"], arguments["b"])
    if function == "trunc_normal":
        numbers = tuple(float(arguments[name]) for name in ("mean", "std", "a", "b"))
        return RecordedDistribution("trunc_normal", numbers) if numbers[1] > 0 else constant(numbers[0])
    spelling = _spelling(function, arguments)
    if function.startswith(("xavier", "kaiming")):
        return _by_fans(spelling, shape)
    known = ("orthogonal", "eye", "dirac", "sparse")
    return RecordedDistribution("structured", (), spelling, shape) if function in known else None


def _spelling(function: str, arguments: dict[str, Any]) -> Init:
    """The init as a spec writes it, without what is the default of our scheme as well as torch's."""
    defaults = {"gain": 1.0, "groups": 1, "mode": "fan_in", "nonlinearity": "leaky_relu"}
    given = {name: value for name, value in arguments.items() if defaults.get(name) != value}
    if function.startswith("kaiming") and (
        given.get("a") == 0 or arguments.get("nonlinearity") != "leaky_relu"
    ):
        del given["a"]
    return {"kind": function, **given}


def _by_fans(spelling: Init, shape: tuple[int, ...]) -> RecordedDistribution:
    """The elementwise distribution of a scheme whose scale follows from the tensor's fans."""
    from tensorseed.sampling import distributions
    from tensorseed.spec.schemes import SCHEMES
    from tensorseed.spec.schemes.fans import fans

    found = SCHEMES[spelling["kind"]].model_validate(spelling).distribution_for(shape, fans(shape))
    if isinstance(found, distributions.Normal):
        return RecordedDistribution("normal", (found.mean, found.std), spelling, shape)
    if isinstance(found, distributions.Uniform):
        return RecordedDistribution("uniform", (found.low, found.high), spelling, shape)
    return constant(0.0)


def init_of(fill: RecordedDistribution, shape: tuple[int, ...]) -> str | Init | None:
    """The init of a whole tensor of `shape`; None where only another shape could have it."""
    if fill.spelling is not None and fill.shape == shape:
        return fill.spelling if len(fill.spelling) > 1 else str(fill.spelling["kind"])
    if fill.kind == "structured":
        return None
    if fill.kind == "function":
        low, high = fill.numbers
        return init_of_function(low, high, fill.steps)
    if fill.kind == "constant":
        value = fill.numbers[0]
        named = {0.0: "zeros", 1.0: "ones"}.get(value)
        if named and math.copysign(1.0, value) > 0:
            return named
        return {"kind": "constant", "value": _short(value)}
    numbers = zip(_DEFAULTS[fill.kind].items(), fill.numbers, strict=True)
    given = {name: _short(number) for (name, default), number in numbers if number != default}
    return {"kind": fill.kind, **given} if given else fill.kind


def _short(value: float) -> float | int:
    """`value` as it is spelled shortest."""
    return int(value) if value and value.is_integer() and abs(value) < 1e15 else value
