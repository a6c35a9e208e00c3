"""Tables of powers of a position."""

from __future__ import annotations

import math
from typing import Any

import torch

from tensorseed.spec.schemes.curves import MAX_EXPONENT, MIN_EXPONENT

MIN_CURVE = 64  # numbers that a power describes; fewer are written out
CURVE_ERROR = 8.0  # in units of the dtype's eps at the largest number; a curve beyond is compared no further
MAX_DIGITS = 12  # of an exponent


def power(values: torch.Tensor) -> dict[str, Any] | None:
    """The scheme `power`, where that is what the numbers of one row are, each to the last place of its dtype.

    Ends and positions are rounded to the dtype, which may move a number by a last place of the ends.
    The exponent is the shortest of those with which the fewest numbers differ, up to chance.
    """
    row = values.flatten().double()
    if row.numel() < MIN_CURVE or values.shape[-1] != row.numel() or not values.is_floating_point():
        return None
    a, b, size = float(row[0]), float(row[-1]), float(row.abs().max())
    if a == b or not math.isfinite(size):
        return None
    logs = torch.linspace(0, 1, row.numel(), dtype=torch.float64, device="cpu")[1:-1].log()
    ends, row = last_places(row[[0, -1]], values.dtype).tolist(), row[1:-1]
    relative, kind = (row - a) / (b - a), torch.finfo(values.dtype)
    exponent = _exponent(relative, logs)
    if not float((a + (b - a) * (exponent * logs).exp() - row).abs().max()) <= CURVE_ERROR * kind.eps * size:
        return None
    allowed = last_places(row * (1 + kind.eps), values.dtype) + 2.0**-51 * size
    allowed += ends[0] + (ends[1] - ends[0]) * relative

    def compared(exponent: float, digits: int) -> tuple[int, int, int, float]:
        """How many numbers are too far away, the digits, how many differ, and the exponent."""
        errors = ((a + (b - a) * (exponent * logs).exp()).to(values.dtype).double() - row).abs()
        return int((errors > allowed).sum()), digits, int((errors > 0).sum()), exponent

    found = [compared(exponent, 17)]
    for digits in range(1, MAX_DIGITS + 1):
        unit = 10.0 ** (math.floor(math.log10(exponent)) + 1 - digits)
        if unit * row.numel() < kind.eps / 64:
            break
        near = {float(f"{exponent + step * unit:.{digits}g}") for step in range(-5, 6)}
        found += [compared(one, digits) for one in sorted(near) if MIN_EXPONENT <= one <= MAX_EXPONENT]
        far, _, unequal, exponent = min(found, key=lambda one: (one[0], one[2], one[1]))
        if far == unequal == 0:
            break
    good = [one for one in found if one[0] == 0]
    fewest = min((unequal for _, _, unequal, _ in good), default=0)
    alike = [one for one in good if one[2] <= fewest + math.sqrt(fewest)]
    return {"kind": "power", "a": a, "b": b, "exponent": min(alike)[-1]} if alike else None


def _exponent(relative: torch.Tensor, logs: torch.Tensor) -> float:
    """The exponent of the power nearest to numbers, by least squares; `logs` are those of its base."""
    half = min(int((relative < 0.5).sum()), relative.numel() - 1)
    start = min(max(float(relative[half]), 0.01), 0.99)
    exponent = math.log(start) / float(logs[half])
    for _ in range(8):
        exponent = min(max(exponent, MIN_EXPONENT), MAX_EXPONENT)
        powers = (exponent * logs).exp()
        slopes = powers * logs
        exponent += float(((relative - powers) * slopes).sum()) / (float(slopes.square().sum()) or 1.0)
    return min(max(exponent, MIN_EXPONENT), MAX_EXPONENT)


def last_places(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The distance of each number of a dtype to the next one away from zero."""
    kind = torch.finfo(dtype)
    exponents = torch.frexp(values.abs().clamp_min(kind.smallest_normal)).exponent
    return kind.eps * torch.exp2(exponents.double() - 1)
