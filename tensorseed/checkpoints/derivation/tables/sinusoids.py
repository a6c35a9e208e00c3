"""Tables of sinusoidal positions."""

from __future__ import annotations

import math
from typing import Any

import torch


def sinusoidal(values: torch.Tensor, but: int | None = None) -> str | dict[str, Any] | None:
    """The scheme `sinusoidal`, where that is what the numbers are; its rows are positions.

    The row `but` is zeros instead. Others may differ from the formula by what float32 makes of the angles and
    by the rounding to their dtype.
    """
    if values.dim() != 2 or not values.is_floating_point():
        return None
    if values.shape[0] < 2 or values.shape[1] < 4 or values.shape[1] % 2:
        return None
    allowed = 2e-7 * values.shape[0] + torch.finfo(values.dtype).eps
    if float(values.abs().max()) > 1 + allowed:
        return None
    for layout in ("halves", "interleaved"):
        for endpoint in (True, False):
            waves = _waves(*values.shape, interleaved=layout == "interleaved", endpoint=endpoint)
            if but is not None:
                waves[but] = 0.0
            if bool(((values.double() - waves).abs() <= allowed).all()):
                given: dict[str, Any] = {} if layout == "halves" else {"layout": layout}
                given |= {} if endpoint else {"endpoint": False}
                return {"kind": "sinusoidal", **given} if given else "sinusoidal"
    return None


def _waves(positions: int, channels: int, *, interleaved: bool, endpoint: bool) -> torch.Tensor:
    """The elements of the scheme with its default timescale."""
    count = channels // 2
    step = math.log(10_000.0) / (count - 1 if endpoint else count)
    rates = torch.exp(-step * torch.arange(count, dtype=torch.float64, device="cpu"))
    angles = torch.arange(positions, dtype=torch.float64, device="cpu")[:, None] * rates
    pair = (angles.sin(), angles.cos())  # (positions, count) each
    return torch.stack(pair, dim=2).reshape(positions, channels) if interleaved else torch.cat(pair, dim=1)
