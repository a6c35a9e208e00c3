"""Warnings on a spec that is valid and probably not what was meant: one for each folded name."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tensorseed.sampling.distributions import (
    Constant,
    Distribution,
    Eye,
    KernelCentre,
    Normal,
    Orthogonal,
    Sparse,
    TruncNormal,
    Uniform,
    Values,
    ZeroRange,
)
from tensorseed.sampling.dtypes import INT64
from tensorseed.spec.fans import NONLINEARITIES
from tensorseed.spec.moments import moments
from tensorseed.spec.names import count_names, fold
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.spec.schemes.scaled import KaimingNormal, KaimingUniform, XavierNormal, XavierUniform

TORCH_SLOPE = math.sqrt(5)
RELU_GAIN = math.sqrt(2)
SATURATING = frozenset({"sigmoid", "tanh"})
LINEAR = frozenset(NONLINEARITIES) - SATURATING - {"relu", "leaky_relu", "selu"}
MAX_VALUES = 4_096  # literal tensors up to this size are searched for equal rows


def advice(resolved: ResolvedSpec) -> list[dict[str, str]]:
    """The warnings, as `{"tensor": folded name, "code": …, "detail": …}`, sorted by name and code.

    Codes: `symmetric_rows`, `saturating_nonlinearity`, `rectifier_gain`, `historical_slope`,
    `heavy_truncation`, `underflow`, `overflow`; of a layer's own default only the last two.
    """
    alike: dict[tuple[int, ...], list[ResolvedTensor]] = {}
    for tensor in resolved.tensors:
        what = (id(tensor.distribution), id(tensor.scheme), id(tensor.dtype), id(tensor.shape))
        key = (*what, tensor.default, id(tensor.role))
        alike.setdefault(key, []).append(tensor)
    named: dict[tuple[str, str], list[str]] = {}
    for tensors in alike.values():
        for warning in _warnings(tensors[0]):
            named.setdefault(warning, []).extend([tensor.name for tensor in tensors])
    found = []
    for (code, detail), names in named.items():
        for name in fold(names):
            copies = f" ({count_names(name):,} tensors)" if count_names(name) > 1 else ""
            found.append({"tensor": name, "code": code, "detail": detail + copies})
    return sorted(found, key=lambda warning: (warning["tensor"], warning["code"]))


def _warnings(tensor: ResolvedTensor) -> Iterator[tuple[str, str]]:
    """Code and sentence of each warning on one tensor."""
    if 0 in tensor.shape or tensor.dtype is INT64:
        return
    if not tensor.default:
        yield from _on_scheme(tensor)
    yield from _on_scale(tensor)


def _on_scheme(tensor: ResolvedTensor) -> Iterator[tuple[str, str]]:
    axis, scheme = tensor.role.axis, tensor.scheme
    if axis is not None and len(tensor.shape) > 1 and tensor.shape[axis] > 1 and _units_equal(tensor, axis):
        rows = "rows" if axis == 0 else f"units along axis {axis}"
        yield (
            "symmetric_rows",
            f"all {rows} are equal, so the units stay equal while training: draw the weight at random",
        )
    if isinstance(scheme, KaimingUniform | KaimingNormal):
        yield from _on_kaiming(scheme, tensor.role.activation)
    if isinstance(scheme, XavierUniform | XavierNormal):
        yield from _on_xavier(scheme, tensor.role.activation)
    if isinstance(tensor.distribution, TruncNormal):
        mass = _mass(tensor.distribution)
        if mass < 0.5:
            detail = f"the interval holds {mass:.3g} of the normal distribution: widen it or move the mean"
            yield "heavy_truncation", detail


def _on_kaiming(scheme: KaimingUniform | KaimingNormal, own: str | None) -> Iterator[tuple[str, str]]:
    """`own` is the function that the layer itself puts behind the weight."""
    told = scheme.nonlinearity
    if (own or told) in SATURATING and told not in LINEAR:
        kind = "xavier_uniform" if isinstance(scheme, KaimingUniform) else "xavier_normal"
        what = f"{own}, which this layer applies itself," if own else told
        detail = f"kaiming is derived for rectifiers; for {what} the usual choice is {kind}"
        yield "saturating_nonlinearity", detail
    elif told == "leaky_relu" and math.isclose(scheme.a, TORCH_SLOPE, rel_tol=1e-3):
        detail = "a = √5 is what torch's layers use for historical reasons: give your activation's own slope"
        yield "historical_slope", detail


def _on_xavier(scheme: XavierUniform | XavierNormal, own: str | None) -> Iterator[tuple[str, str]]:
    """`own` is the function that the layer itself puts behind the weight."""
    if own is None and math.isclose(scheme.gain, RELU_GAIN, rel_tol=1e-3):
        what = "relu, whose gain √2 is,"
    elif own == "relu":
        what = "relu, which this layer applies itself,"
    else:
        return
    kind = "kaiming_uniform" if isinstance(scheme, XavierUniform) else "kaiming_normal"
    detail = f"xavier is derived for functions that are linear around zero; for {what} the usual choice is"
    yield "rectifier_gain", f"{detail} {kind}"


def _on_scale(tensor: ResolvedTensor) -> Iterator[tuple[str, str]]:
    """A random draw whose scale the dtype cannot hold."""
    drawn = _drawn(tensor.distribution)
    if isinstance(drawn, Constant | Values | Eye | KernelCentre):
        return
    measured = moments(tensor if drawn is tensor.distribution else tensor._replace(distribution=drawn))
    if measured is None:
        return
    mean, std = measured
    dtype = tensor.dtype
    smallest = 2.0 ** (1 - dtype.bias - dtype.mantissa_bits)
    if 0 < std < smallest:
        detail = f"the standard deviation {std:.3g} is below the smallest {dtype.name} number, {smallest:.3g}"
        yield "underflow", f"{detail}: most values round to one number"
    reach = _reach(drawn, abs(mean) + 6.0 * std)
    if reach > dtype.max:
        detail = f"values reach {reach:.3g}, beyond the largest {dtype.name} number, {dtype.max:g}"
        yield "overflow", f"{detail}: choose a smaller scale or a wider dtype"


def _drawn(distribution: Distribution) -> Distribution:
    """What the elements that are not zero by design are drawn from."""
    match distribution:
        case ZeroRange(base=base) | KernelCentre(base=Orthogonal() as base):
            return base
        case Sparse(std=std):
            return Normal(0.0, std)
    return distribution


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


def _units_equal(tensor: ResolvedTensor, axis: int) -> bool:
    """Whether all slices along `axis` are equal."""
    match tensor.distribution:
        case Values(data) if len(data) <= MAX_VALUES:
            units, inner = tensor.shape[axis], math.prod(tensor.shape[axis + 1 :])
            blocks = (data[start : start + units * inner] for start in range(0, len(data), units * inner))
            return all(block[:inner] * units == block for block in blocks)
        case Constant() | Normal(std=0.0) | Sparse(std=0.0):
            return True
        case Orthogonal(gain=0.0) | KernelCentre(base=Orthogonal(gain=0.0)):
            return True
        case Sparse(rows, _, zeros):
            return zeros == rows
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
