"""Warnings about valid specs that are probably mistakes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator

from tensorseed.sampling.distributions import WeightNorm as Norms
from tensorseed.sampling.distributions.base import BaseDistribution
from tensorseed.sampling.dtypes import DType, spacing
from tensorseed.spec.faults import without_tensors
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.layers.exclusions import CONTAINER, EXCLUDED
from tensorseed.spec.names import count_names, fold
from tensorseed.spec.resolved import ResolvedSpec, ResolvedTensor
from tensorseed.spec.rules import unused_detail
from tensorseed.spec.rules.layer_types import TORCH_CLASSES
from tensorseed.spec.schemes import SchemeWarning
from tensorseed.spec.schemes.norms import WeightNorm
from tensorseed.suggestions import unknown_name

UNUSED_RULE = "unused_rule"

_TYPES = (*LAYERS, *TORCH_CLASSES)


def warnings(resolved: ResolvedSpec) -> list[dict[str, str]]:
    """The warnings, as `{"tensor": folded name, "code": …, "detail": …}`, sorted by name and code.

    Codes: `symmetric_rows`, `saturating_nonlinearity`, `rectifier_gain`, `historical_slope`,
    `heavy_truncation`, `ineffective_truncation`, `other_norms`, `underflow`, `overflow`, `rounding`. A
    layer's own default gets only the last three.
    """
    groups: dict[tuple[int, ...], list[ResolvedTensor]] = {}
    for tensor in resolved.tensors:
        what = (id(tensor.distribution), id(tensor.scheme), id(tensor.dtype), id(tensor.shape))
        key = (*what, tensor.default, id(tensor.role))
        groups.setdefault(key, []).append(tensor)
    named: dict[SchemeWarning, list[str]] = {}
    for tensors in groups.values():
        for warning in _warnings(tensors[0]):
            named.setdefault(warning, []).extend([tensor.name for tensor in tensors])
    for name, warning in _on_norms(resolved):
        named.setdefault(warning, []).append(name)
    found = []
    for (code, detail), names in named.items():
        for name in fold(names):
            copies = f" ({count_names(name):,} tensors)" if count_names(name) > 1 else ""
            found.append({"tensor": name, "code": code, "detail": detail + copies})
    return sorted(found, key=lambda warning: (warning["tensor"], warning["code"]))


def unused_rules(resolved: ResolvedSpec) -> Iterator[str]:
    """Yield a sentence for every rule of the spec that gave no tensor its init."""
    names = sorted(tensor.name for tensor in resolved.tensors) if resolved.unused_rules else []
    for index, rule in resolved.unused_rules:
        remedy = "correct it, or leave it out"
        below = f"{rule.match}."
        if rule.type is not None and rule.type not in _TYPES:
            remedy = _other_type(rule.type)
        elif (at := bisect_left(names, below)) < len(names) and names[at].startswith(below):
            remedy = f"it is a layer, whose tensors {rule.match}.** matches"
        yield f"{unused_detail(index, rule)}: {remedy}"


def _other_type(name: str) -> str:
    """What to write for a type that owns no tensors, or that is unknown."""
    if EXCLUDED.get(name) == CONTAINER:
        return f"a {name} owns no tensors itself: name the type of a layer inside it"
    if without_tensors(name) is not None:
        return f"{name} owns no tensors: leave the rule out"
    return unknown_name("layer type", name, _TYPES)


def _warnings(tensor: ResolvedTensor) -> Iterator[SchemeWarning]:
    """The warnings about one tensor."""
    if 0 in tensor.shape or tensor.dtype.is_integer:
        return
    if not tensor.default:
        yield from _on_symmetry(tensor)
        yield from tensor.scheme.warnings(tensor.role.activation)
    yield from dict.fromkeys(
        warning
        for piece, shape in tensor.distribution.pieces(tensor.shape)
        for warning in _on_scale(piece, shape, tensor.dtype)
    )


def _on_norms(resolved: ResolvedSpec) -> Iterator[tuple[str, SchemeWarning]]:
    """Norms of a tensor that stands beside them with other elements."""
    norms = [tensor for tensor in resolved.tensors if isinstance(tensor.scheme, WeightNorm)]
    if not norms:
        return
    by_name = {tensor.name: tensor for tensor in resolved.tensors}
    for tensor in norms:
        scheme = tensor.scheme
        assert isinstance(scheme, WeightNorm)
        other = by_name.get(_beside(tensor.name, scheme.of))
        if other is None or not isinstance(tensor.distribution, Norms):
            continue
        differing = [
            what
            for what, is_same in (
                ("shape", other.shape == scheme.of_shape),
                ("init", other.distribution == tensor.distribution.base),
                ("dtype", other.dtype == tensor.dtype),
                ("seed", other.seed == tensor.seed),
                ("stream", other.stream == _beside(tensor.stream, scheme.of)),
            )
            if not is_same
        ]
        if differing:
            detail = f"the norms are not those of the {scheme.of} beside it, which has another"
            yield (
                tensor.name,
                SchemeWarning("other_norms", f"{detail} {' and '.join(differing)}: make them equal"),
            )


def _beside(name: str, last: str) -> str:
    """The name with another last component."""
    before, dot, _ = name.rpartition(".")
    return f"{before}{dot}{last}"


def _on_symmetry(tensor: ResolvedTensor) -> Iterator[SchemeWarning]:
    """Units that start equal, and therefore stay equal."""
    axis = tensor.role.axis
    if axis is None or len(tensor.shape) < 2 or tensor.shape[axis] < 2:
        return
    if tensor.distribution.has_equal_slices(tensor.shape, axis):
        rows = "rows" if axis == 0 else f"units along axis {axis}"
        yield SchemeWarning(
            "symmetric_rows",
            f"all {rows} are equal, so the units stay equal while training: draw the weight at random",
        )


def _on_scale(
    distribution: BaseDistribution, shape: tuple[int, ...], dtype: DType
) -> Iterator[SchemeWarning]:
    """Random values that the dtype cannot hold."""
    magnitudes = distribution.magnitudes(shape)
    if magnitudes is None:
        return
    std, bound = magnitudes
    smallest = dtype.smallest_subnormal
    if 0 < std < smallest:
        detail = f"the standard deviation {std:.3g} is below the smallest {dtype.name} number, {smallest:.3g}"
        yield SchemeWarning("underflow", f"{detail}: most values round to one number")
    else:
        yield from _on_spread(distribution.moments(shape), std, dtype)
    if bound > dtype.max:
        detail = f"values reach {bound:.3g}, beyond the largest {dtype.name} number, {dtype.max:g}"
        yield SchemeWarning("overflow", f"{detail}: choose a smaller scale or a wider dtype")


def _on_spread(moments: tuple[float, float] | None, std: float, dtype: DType) -> Iterator[SchemeWarning]:
    """A deviation below the distance of neighbouring numbers of the dtype at the mean."""
    if moments is None or not std or not moments[0] or not math.isfinite(moments[0]):
        return  # no distance is as small as a mean of 0
    mean = abs(moments[0])
    distance = spacing(mean, dtype)
    if 0 < std < distance <= mean:
        detail = (
            f"the standard deviation {std:.3g} is below {distance:.3g}, the distance of {dtype.name} numbers"
        )
        remedy = "few values are left: choose a wider dtype, or a larger scale"
        yield SchemeWarning("rounding", f"{detail} at the mean {moments[0]:g}: {remedy}")
