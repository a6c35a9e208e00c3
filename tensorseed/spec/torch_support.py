"""Limits of torch: what generator torch cannot draw.

This module does not import torch; tests compare its rules with torch itself.
"""

from __future__ import annotations

import math
from typing import assert_never

from tensorseed.sampling.distributions import (
    AnyDistribution,
    BilinearKernel,
    Constant,
    Decay,
    Dirac,
    Eye,
    GroupIndex,
    InverseSoftplusLogUniform,
    KernelCentre,
    LogOfUniform,
    LogUniform,
    Normal,
    Orthogonal,
    Parts,
    Power,
    Quantized,
    RealGatedLru,
    Sinusoidal,
    Sparse,
    Stack,
    Tril,
    TruncNormal,
    Uniform,
    Values,
    WeightNorm,
    ZeroRange,
)
from tensorseed.sampling.dtypes import DType
from tensorseed.spec.layers import Entry, Slot, Tensor
from tensorseed.spec.schemes import SCHEME_CLASSES, ArgumentError, Scheme
from tensorseed.spec.schemes.base import defaults_of, nest_error
from tensorseed.spec.schemes.fans import fans
from tensorseed.spec.schemes.parts import Parts as SchemeParts

TORCH_KINDS = frozenset(scheme.spellings()[0] for scheme in SCHEME_CLASSES if scheme.in_torch)
"""The kinds that torch.nn.init has, and those that its functions fill under another name.

`values` is `Tensor.copy_`, `logit` `constant_` and `siren` `uniform_`.
"""

FACTORIZED = frozenset({"float32", "float64"})  # by LAPACK
NORMAL_CANDIDATES = 0.3  # of the mass, above which torch rejects normals, and below which uniform numbers
MAX_REJECTION_PASSES = 10_000  # of one rejection over its tensor
MAX_REJECTION_DRAWS = 1 << 30  # of one rejection, or
MAX_DRAWS_PER_ELEMENT = 256  # this many for each element, whichever is more

_PORTABLE = "leave generator out, or say philox"


def check_entry(entry: Entry) -> None:
    """Check that an entry has no field that only `philox` supports.

    Raises:
        ArgumentError: it has one.
    """
    if entry.stream is not None:
        raise ArgumentError(
            ("stream",), f"stream has no meaning where values depend on the order of layers: {_PORTABLE}"
        )
    if entry.seed is not None:
        detail = "generator torch draws all entries from one sequence, that of the spec's seed"
        raise ArgumentError(("seed",), f"{detail}: leave out the entry's, or {_PORTABLE}")
    if isinstance(entry, Tensor) and entry.fan_axes is not None:
        raise ArgumentError(("fan_axes",), f"torch.nn.init knows its own axes only: {_PORTABLE}")
    if isinstance(entry, Tensor) and entry.padding_idx is not None:
        raise ArgumentError(
            ("padding_idx",), f"torch.nn.init fills every row: use an Embedding, or {_PORTABLE}"
        )
    if isinstance(entry, Tensor) and entry.quantization is not None:
        raise ArgumentError(("quantization",), f"torch quantises nothing that it draws: {_PORTABLE}")


def check_build(slots: list[Slot], dtype: DType) -> None:
    """Check that torch can build a layer of `dtype` with these `slots`.

    Raises:
        ValueError: it cannot.
    """
    if dtype.itemsize == 1 and any(not slot.integer and slot.init.is_random for slot in slots):
        raise ValueError(_cannot_draw(dtype))


def check_init(scheme: Scheme, distribution: AnyDistribution, shape: tuple[int, ...], dtype: DType) -> None:
    """Check that torch can fill a tensor of `shape` and `dtype` by this init.

    Raises:
        ValueError: it cannot.
    """
    if isinstance(scheme, SchemeParts):
        _check_parts(scheme, shape, dtype)
        return
    kind = _kind(scheme)
    if not scheme.in_torch:
        raise ValueError(
            f"torch has no {kind}: choose one of {', '.join(sorted(TORCH_KINDS))}, or {_PORTABLE}"
        )
    defaults = defaults_of(type(scheme))
    for name in scheme.not_in_torch:
        if repr(getattr(scheme, name)) != defaults[name]:
            raise ValueError(f"torch's {kind}_ has no {name}: leave it out, or {_PORTABLE}")
    if 0 in shape or dtype.is_integer:
        return
    if scheme.is_random and dtype.itemsize == 1:
        raise ValueError(_cannot_draw(dtype))
    if kind == "orthogonal" and dtype.name not in FACTORIZED:
        raise ValueError(f"torch has no orthogonal in {dtype.name}: use float32 or float64, or {_PORTABLE}")
    match distribution:
        case Constant(value):
            if abs(value) > dtype.max:
                raise ValueError(f"{value!r} is beyond {dtype.name}'s largest value, {dtype.max!r}")
        case Uniform(low, high):
            if not _is_drawn_between(low, high, dtype):
                raise ValueError(f"torch has no interval this wide in {dtype.name}: choose a smaller scale")
        case TruncNormal(low=low, high=high):
            if _mass(distribution) <= NORMAL_CANDIDATES and not _is_drawn_between(low, high, dtype):
                raise ValueError(
                    "torch rejects uniform numbers between a and b here, where the interval holds 0.3 of the "
                    f"normal distribution or less: give two bounds that {dtype.name} holds, or {_PORTABLE}"
                )
            if not _is_quick(distribution, shape):
                raise ValueError(
                    "torch draws this interval by rejection, and would reject nearly every candidate: "
                    f"move the far bound towards the mean, or {_PORTABLE}"
                )
        case Values() | Normal() | Eye() | Dirac() | Tril() | KernelCentre() | Orthogonal() | Sparse():
            pass
        case LogUniform() | LogOfUniform() | InverseSoftplusLogUniform() | RealGatedLru() | WeightNorm():
            pass
        case Sinusoidal() | Decay() | Power() | BilinearKernel() | Stack() | ZeroRange() | Parts():
            pass
        case Quantized() | GroupIndex():
            raise AssertionError("check_entry has refused it")
        case _:
            assert_never(distribution)


def _check_parts(scheme: SchemeParts, shape: tuple[int, ...], dtype: DType) -> None:
    """Check every part, which torch fills as a slice of the tensor, or with copies as a tensor of its own.

    Raises:
        ArgumentError: torch cannot fill one.
    """
    is_whole = math.prod(shape[: scheme.axis_of(shape)]) == 1
    for index, (part, drawn) in enumerate(zip(scheme.parts, scheme.drawn_shapes(shape), strict=True)):
        try:
            check_init(part.init, part.init.distribution_for(drawn, fans(drawn)), drawn, dtype)
            if _kind(part.init) == "orthogonal" and len(shape) > 2 and not is_whole and part.copies == 1:
                raise ValueError(
                    f"torch's orthogonal fills no slice in several pieces: divide axis 0, or {_PORTABLE}"
                )
        except ValueError as error:
            raise nest_error(("parts", index, "init"), error) from None


def max_rejection_draws(shape: tuple[int, ...]) -> int:
    """The largest count of numbers that torch may draw to fill a tensor by rejection."""
    return max(MAX_REJECTION_DRAWS, MAX_DRAWS_PER_ELEMENT * math.prod(shape))


def _kind(scheme: Scheme) -> str:
    return scheme.spellings()[0]


def _cannot_draw(dtype: DType) -> str:
    return f"torch draws no {dtype.name} numbers: use bfloat16 or wider, or {_PORTABLE}"


def _is_drawn_between(low: float, high: float, dtype: DType) -> bool:
    """Whether torch's `uniform_` takes the interval."""
    return max(high - low, abs(low), abs(high)) <= dtype.max


def _mass(normal: TruncNormal) -> float:
    """The probability of the interval, computed as by torch."""
    below, above = (
        (1.0 + math.erf((end - normal.mean) / normal.std / math.sqrt(2.0))) / 2.0
        for end in (normal.low, normal.high)
    )
    return above - below


def _is_quick(normal: TruncNormal, shape: tuple[int, ...]) -> bool:
    """Whether torch's rejection stays below half of its bounds.

    Every pass draws for all elements and leaves the share that it rejects. An interval with more than 0.3 of
    the mass gets normal candidates, of which it holds that share. Others get uniform ones, and a second
    number to decide: accepted is the area under the density, in units of its peak there, over the width. The
    area of a tail is at most Mills' ratio, 2 / (α + √(α² + 8/π)); around the mean such an interval is narrow.
    """
    low, high = (normal.low - normal.mean) / normal.std, (normal.high - normal.mean) / normal.std
    accepted = _mass(normal)
    draws = 1
    if accepted <= NORMAL_CANDIDATES:
        draws, near = 2, 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        area = 2.0 / (near + math.sqrt(near * near + 8.0 / math.pi))
        accepted = area / max(high - low, area)
    numel = math.prod(shape)
    passes = (math.log(numel) + 5.0) / -math.log1p(-min(accepted, 0.999))
    return 2.0 * passes <= MAX_REJECTION_PASSES and 2.0 * draws * passes * numel <= max_rejection_draws(shape)
