"""Orthogonal matrices of any size and number, in any order of axes."""

from __future__ import annotations

from typing import TypeVar

from tensorseed.sampling.compact_wy import packed_size, padded
from tensorseed.sampling.distributions import Axis, Elementwise, KernelCentre, Orthogonal, Stack
from tensorseed.sampling.distributions.orthogonal import (
    MAX_CACHE_BYTES,
    MAX_CACHED_ELEMENTS,
    is_thin,
    preparation_cost,
)
from tensorseed.spec.schemes.layouts import Side, merged, size_of

Base = TypeVar("Base", bound=Elementwise)

MAX_ORTHOGONAL = 1 << 28  # elements, where each row goes through all reflections
MAX_PREPARATION = 1 << 39  # multiplications before the first element: about a minute of a core
NUMBER_BYTES = 8
ROWS_SPAN = 1 << 17  # elements that are computed at a time, at least


def orthogonal_stack(rows: int, columns: int, gain: float, count: int = 1) -> Orthogonal | Stack:
    """One orthogonal matrix, or several one after the other.

    Raises:
        ValueError: a matrix is too large.
    """
    shape, matrix = (rows, columns), f"an orthogonal matrix of {rows:,}×{columns:,}"
    if is_thin(shape):
        cost = preparation_cost(shape)
        if cost > MAX_PREPARATION:
            raise ValueError(
                f"{matrix} takes {cost:,} operations before its first element, more than the "
                f"{MAX_PREPARATION:,} allowed: split the tensor or use normal"
            )
    elif rows * columns > MAX_ORTHOGONAL:
        raise ValueError(
            f"{matrix} has {rows * columns:,} elements, more than the {MAX_ORTHOGONAL:,} allowed, since "
            "each of its rows costs four operations for every one of them: split the tensor or use normal"
        )
    one = Orthogonal(rows, columns, gain)
    return one if count == 1 else Stack(one, count)


def orthogonal_along(
    batch: Side, rows: Side, columns: Side, gain: float
) -> Orthogonal | Stack | KernelCentre:
    """An orthogonal matrix for every index of the batch, in a tensor of these axes and no others.

    Raises:
        ValueError: a matrix is too large, or all together are and every part of the tensor needs them all.
    """
    count, sides = size_of(batch), (size_of(rows), size_of(columns))
    stack = orthogonal_stack(*sides, gain, count)
    axes = (*batch, *rows, *columns)
    arranged = in_order(stack, axes, size_of(axes))
    if arranged is stack:
        return stack
    if not _has_rows(columns) or (is_thin(sides) and not _is_outermost(batch, (*rows, *columns))):
        _check_cached(sides, count)
    return arranged


def in_order(base: Base, axes: Side, numel: int) -> Base | KernelCentre:
    """A tensor of `numel` elements along whose axes the row-major elements of `base` lie."""
    axes = merged(axes)
    return base if axes in ((), (Axis(1, numel),)) else KernelCentre(base, axes)


def _check_cached(sides: tuple[int, int], count: int) -> None:
    """Check that matrices, or what makes them, are cached together.

    Raises:
        ValueError: they are too large.
    """
    numbers = packed_size(padded(min(sides))) if is_thin(sides) else sides[0] * sides[1]
    whole = is_thin(sides) or numbers <= MAX_CACHED_ELEMENTS
    if not whole or count * numbers * NUMBER_BYTES > MAX_CACHE_BYTES:
        many = f"{count:,} orthogonal matrices" if count > 1 else "an orthogonal matrix"
        raise ValueError(
            f"the axes mix the rows of {many} of {sides[0]:,}×{sides[1]:,}, too large to be held while they "
            "are read: put batch axes first and output axes last or next, or use normal"
        )


def _has_rows(columns: Side) -> bool:
    """Whether every part of the tensor that is computed at a time has whole rows."""
    span = max((axis.stride * axis.size for axis in columns), default=1)
    return span <= max(size_of(columns), ROWS_SPAN)


def _is_outermost(batch: Side, others: Side) -> bool:
    """Whether every index of the batch has its elements side by side."""
    return not batch or not others or min(axis.stride for axis in batch) > max(a.stride for a in others)
