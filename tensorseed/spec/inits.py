"""Inits of tensors: canonical schemes and checked distributions."""

from __future__ import annotations

import math

from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.sampling.dtypes import DType
from tensorseed.spec.canonical import normalize_init
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import ArgumentError, Scheme
from tensorseed.spec.schemes.base import nest_error
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.parts import Parts, fans_of
from tensorseed.spec.schemes.plain import Values


def canonical_scheme(
    init: str | Scheme,
    shape: tuple[int, ...],
    found: Fans | None,
    dtype: DType,
    limits: Limits,
    groups: int = 1,
) -> Scheme:
    """The canonical scheme of an init of a tensor of `shape`; `groups` is that of a convolution.

    Parts are checked as they are written, so that a fault points at its part; the canonical ones are merged.

    Raises:
        ValueError: parts do not fit the tensor; an ArgumentError has the path from the init.
    """
    if isinstance(init, Parts):
        shapes = init.drawn_shapes(shape)
        for index, (part, drawn) in enumerate(zip(init.parts, shapes, strict=True)):
            try:
                check_literals(part.init, drawn, limits)
                resolve_distribution(part.init, drawn, fans_of(drawn, shape, found), dtype)
            except ValueError as error:
                inner = overflowing_parameter(part.init, error)
                raise nest_error(("parts", index, "init", *inner), error) from None
    return normalize_init(init, shape, groups)


def resolve_distribution(
    scheme: Scheme, shape: tuple[int, ...], found: Fans | None, dtype: DType
) -> AnyDistribution:
    """The scheme's distribution, checked against `dtype`.

    Raises:
        ValueError: the distribution does not fit the dtype.
    """
    distribution = scheme.distribution_for(shape, found)
    if dtype.is_integer or 0 not in shape:
        distribution.check(dtype)
    return distribution


def check_literals(scheme: Scheme, shape: tuple[int, ...], limits: Limits) -> None:
    """Check the number of literal numbers before they are read.

    Raises:
        ValueError: there are more than `limits.values`, or the data are no numbers.
    """
    if isinstance(scheme, Parts):
        for part, drawn in zip(scheme.parts, scheme.drawn_shapes(shape), strict=True):
            check_literals(part.init, drawn, limits)
    if not isinstance(scheme, Values):
        return
    if not isinstance(scheme.data, int | float | list):
        raise ArgumentError(
            ("data",), "data must be a number, or a list of numbers that has the tensor's shape"
        )
    if (numel := math.prod(shape)) > limits.values:
        detail = f"the tensor has {numel:,} elements, and a spec at most {limits.values:,} literal numbers"
        raise ValueError(f"{detail}: draw them from a scheme")


def overflowing_parameter(scheme: Scheme, error: ValueError) -> tuple[str, ...]:
    """The parameter that makes an init overflow: the largest one."""
    if isinstance(error, ArgumentError) or not any(word in str(error) for word in ("overflow", "beyond")):
        return ()
    given = {name: getattr(scheme, name) for name in scheme.model_fields_set}
    numbers = {name: abs(value) for name, value in sorted(given.items()) if type(value) is float}
    return (max(numbers, key=numbers.__getitem__),) if numbers else ()
