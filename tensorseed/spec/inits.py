"""Inits of tensors: names, canonical schemes, checked distributions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.sampling.dtypes import DType
from tensorseed.spec.canonical import normalize_init
from tensorseed.spec.layers.base import MAX_SLOTS
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import check_name, count_names, expand, is_plain
from tensorseed.spec.schemes import ArgumentError, Scheme
from tensorseed.spec.schemes.base import nest_error
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.parts import Parts, fans_of
from tensorseed.spec.schemes.plain import Values

T = TypeVar("T")


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


def expand_init_names(inits: Mapping[str, T]) -> dict[str, T]:
    """The inits by the names of single parameters.

    >>> expand_init_names({"layers.{0..1}.linear1.weight": "zeros", "norm.bias": "ones"})
    {'layers.0.linear1.weight': 'zeros', 'layers.1.linear1.weight': 'zeros', 'norm.bias': 'ones'}

    Raises:
        ArgumentError: the ranges of a name are malformed, stand for too many parameters, alone or with those
            before them, or for one that another name stands for.
    """
    if not any("{" in name for name in inits):
        return dict(inits)
    _check_count(inits)
    found: dict[str, T] = {}
    for name, init in inits.items():
        for one in _expanded(name):
            if one in found:
                detail = f"init names {one} twice: narrow the ranges, or leave one of the names out"
                raise ArgumentError(("init", name), detail)
            found[one] = init
    return found


def _check_count(inits: Iterable[str]) -> None:
    """Check the names and the number that they stand for together, before any is expanded.

    Raises:
        ArgumentError: the ranges of a name are malformed, or there are too many parameters.
    """
    total = 0
    for name in inits:
        if not _has_ranges(name):
            total += 1
            continue
        try:
            check_name(name)
        except ValueError as error:
            raise ArgumentError(("init", name), str(error)) from None
        total += (count := count_names(name))
        if count > MAX_SLOTS:
            detail = f"this name stands for {count:,} parameters, a layer has at most {MAX_SLOTS:,}"
            raise ArgumentError(("init", name), f"{detail}: narrow its ranges")
        if total > MAX_SLOTS:
            detail = f"up to here init names {total:,} parameters, a layer has at most {MAX_SLOTS:,}"
            raise ArgumentError(("init", name), f"{detail}: narrow the ranges")


def _expanded(name: str) -> list[str]:
    return expand(name) if _has_ranges(name) else [name]


def _has_ranges(name: str) -> bool:
    return "{" in name and not is_plain(name)


def written_name(name: str, inits: Mapping[str, object]) -> str:
    """The name in `inits` that stands for the parameter `name`."""
    if name in inits:
        return name
    return next((one for one in inits if "{" in one and name in expand(one)), name)
