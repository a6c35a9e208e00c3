"""Tables of ones among zeros: triangles and identities."""

from __future__ import annotations

from typing import Any

import torch


def lower_triangle(values: torch.Tensor) -> str | dict[str, Any] | None:
    """The scheme `tril`, where that is what the numbers are."""
    if values.dim() < 2:
        return None
    first = values.reshape(-1, *values.shape[-2:])[0]
    above, below = int((first[0] == 1).sum()), int((first[:, 0] == 1).sum())
    diagonal = above - 1 if above else below - len(first)
    ones = torch.ones_like(first).tril(diagonal)
    if not bool((values == ones).all()):
        return None
    return {"kind": "tril", "diagonal": diagonal} if diagonal else "tril"


def identity(values: torch.Tensor) -> str | dict[str, Any] | None:
    """The scheme `eye` of a matrix, or `dirac` of a kernel, where that is what the numbers are."""
    if not (values.is_floating_point() and 2 <= values.dim() <= 5):
        return None
    centre = values
    for size in values.shape[2:]:
        centre = centre.select(2, size // 2)
    rows, columns = centre.shape
    count = min(rows, columns) if values.dim() == 2 or rows % columns else rows
    diagonal = torch.arange(count, device="cpu")
    ones = int(values.count_nonzero()) == count and bool((centre[diagonal, diagonal % columns] == 1).all())
    if not ones:
        return None
    if values.dim() == 2:
        return "eye"
    return {"kind": "dirac", "groups": rows // columns} if count > columns else "dirac"
