"""Warnings on a spec that is valid and probably not what was meant: one for each folded name."""

from __future__ import annotations

import math
from collections.abc import Iterator

from service.core.distributions import (
    Centred,
    Constant,
    Distribution,
    Eye,
    Normal,
    Orthogonal,
    Sparse,
    TruncNormal,
    Uniform,
    Values,
    ZeroRange,
)
from service.core.dtypes import INT64
from service.core.moments import moments
from service.core.names import count, fold
from service.core.resolved import ResolvedSpec, ResolvedTensor
from service.core.schemes.scaled import KaimingNormal, KaimingUniform, XavierNormal, XavierUniform

TORCH_SLOPE = math.sqrt(5)
RELU_GAIN = math.sqrt(2)
MOST_VALUES = 4_096  # literal tensors up to this size are searched for equal rows


def advice(resolved: ResolvedSpec) -> list[dict[str, str]]:
    """The warnings, as `{"tensor": folded name, "code": …, "detail": …}`, sorted by name and code.

    Codes: `symmetric_rows`, `saturating_nonlinearity`, `rectifier_gain`, `historical_slope`,
    `heavy_truncation`, `underflow`, `overflow`.
    """
    alike: dict[tuple[int, ...], list[ResolvedTensor]] = {}
    for tensor in resolved.tensors:
        key = (id(tensor.distribution), id(tensor.scheme), id(tensor.dtype), id(tensor.shape), tensor.default)
        alike.setdefault(key, []).append(tensor)
    found = []
    for tensors in alike.values():
        warnings = list(_warnings(tensors[0]))
        for name in fold(tensor.name for tensor in tensors) if warnings else ():
            copies = f" ({count(name):,} tensors)" if count(name) > 1 else ""
            found += [{"tensor": name, "code": code, "detail": detail + copies} for code, detail in warnings]
    return sorted(found, key=lambda warning: (warning["tensor"], warning["code"]))


def _warnings(tensor: ResolvedTensor) -> Iterator[tuple[str, str]]:
    """Code and sentence of each warning on one tensor."""
    if 0 in tensor.shape or tensor.dtype is INT64:
        return
    if not tensor.default:
        yield from _on_scheme(tensor)
    yield from _on_scale(tensor)


def _on_scheme(tensor: ResolvedTensor) -> Iterator[tuple[str, str]]:
    scheme, distribution = tensor.scheme, tensor.distribution
    if len(tensor.shape) > 1 and tensor.shape[0] > 1 and _rows_equal(tensor):
        yield (
            "symmetric_rows",
            "all rows are equal, so the units stay equal while training: draw the weight at random",
        )
    if isinstance(scheme, KaimingUniform | KaimingNormal):
        if scheme.nonlinearity in {"sigmoid", "tanh"}:
            kind = "xavier_uniform" if isinstance(scheme, KaimingUniform) else "xavier_normal"
            detail = (
                f"kaiming is derived for rectifiers; for {scheme.nonlinearity} the usual choice is {kind}"
            )
            yield "saturating_nonlinearity", detail
        if scheme.nonlinearity == "leaky_relu" and math.isclose(scheme.a, TORCH_SLOPE, rel_tol=1e-3):
            detail = (
                "a = √5 is what torch's layers use for historical reasons: give your activation's own slope"
            )
            yield "historical_slope", detail
    if isinstance(scheme, XavierUniform | XavierNormal) and math.isclose(
        scheme.gain, RELU_GAIN, rel_tol=1e-3
    ):
        kind = "kaiming_uniform" if isinstance(scheme, XavierUniform) else "kaiming_normal"
        detail = f"a gain of √2 is that of relu, before which the usual choice is {kind}: xavier is derived"
        yield "rectifier_gain", f"{detail} for functions that are linear around zero"
    if isinstance(distribution, TruncNormal):
        mass = _mass(distribution)
        if mass < 0.5:
            detail = f"the interval holds {mass:.3g} of the normal distribution: widen it or move the mean"
            yield "heavy_truncation", detail


def _on_scale(tensor: ResolvedTensor) -> Iterator[tuple[str, str]]:
    """A random draw whose scale the dtype cannot hold."""
    drawn = tensor.distribution.base if isinstance(tensor.distribution, ZeroRange) else tensor.distribution
    if isinstance(drawn, Sparse):
        drawn = Normal(0.0, drawn.std)
    measured = moments(tensor._replace(distribution=drawn))
    if isinstance(drawn, Constant | Values | Eye | Centred) or measured is None:
        return
    mean, std = measured
    dtype = tensor.dtype
    smallest = 2.0 ** (1 - dtype.bias - dtype.mantissa_bits)
    if 0 < std < smallest:
        detail = f"the standard deviation {std:.3g} is below the smallest {dtype.name} number, {smallest:.3g}"
        yield "underflow", f"{detail}: most values round to one number"
    reach = _reach(drawn, abs(mean) + 6.0 * std)
    if reach > dtype.largest:
        detail = f"values reach {reach:.3g}, beyond the largest {dtype.name} number, {dtype.largest:g}"
        yield "overflow", f"{detail}: choose a smaller scale or a wider dtype"


def _reach(distribution: Distribution, six_sigma: float) -> float:
    """The largest absolute value that is to be expected: a bound where there is one."""
    match distribution:
        case Uniform(low, high):
            return max(abs(low), abs(high))
        case TruncNormal(low=low, high=high):
            return min(six_sigma, max(abs(low), abs(high)))
        case Orthogonal(gain=gain):
            return min(six_sigma, gain)
    return six_sigma


def _rows_equal(tensor: ResolvedTensor) -> bool:
    if isinstance(tensor.distribution, Values):
        data, columns = tensor.distribution.data, math.prod(tensor.shape[1:])
        return len(data) <= MOST_VALUES and data[:columns] * tensor.shape[0] == data
    match tensor.distribution:
        case Constant() | Normal(std=0.0) | Sparse(std=0.0) | Orthogonal(gain=0.0):
            return True
        case Uniform(low, high) | TruncNormal(low=low, high=high):
            return low == high
    return False


def _mass(normal: TruncNormal) -> float:
    """The share of the normal distribution that the interval holds."""
    alpha, beta = (normal.low - normal.mean) / normal.std, (normal.high - normal.mean) / normal.std
    if alpha < 0 < beta:
        return 1.0 - _tail(-alpha) - _tail(beta)
    near, far = (alpha, beta) if alpha >= 0 else (-beta, -alpha)
    return _tail(near) - _tail(far)


def _tail(z: float) -> float:
    """The probability that a standard normal exceeds z."""
    return math.erfc(z / math.sqrt(2.0)) / 2.0
