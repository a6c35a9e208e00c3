"""Parts of a whole tensor that the local shard of a DTensor holds.

torch's own function for this, `compute_local_shape_and_global_offset`, gives one offset.
A `_StridedShard` can hold several parts of the whole, so that this module computes them from the placements.
torch's shape and offset have to agree, since its private code may change with a version.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.placement_types import Placement

from tensorseed.errors import TensorError
from tensorseed.files.slices import Box

Shape = tuple[int, ...]

Range = tuple[int, int]
"""Indices of one dimension: the first, and the one after the last."""

Layout = tuple[tuple[Range, ...], ...]
"""The indices that a shard holds: for each dimension their ranges, in the shard's order."""


MAX_LAYOUTS = 4_096  # that are remembered


class Piece(NamedTuple):
    """A box of the whole tensor, and the part of the local shard that holds its elements."""

    box: Box
    local: torch.Tensor


class _Split(NamedTuple):
    """One of a mesh dimension's chunks; `factor` is that of a `_StridedShard`, and 1 for a `Shard`."""

    dim: int
    factor: int
    chunks: int
    coordinate: int


_agreeing: set[tuple[Shape, tuple[_Split, ...]]] = set()
"""Layouts on which torch agrees: it takes a millisecond for each."""


def pieces(tensor: DTensor, local: torch.Tensor | None = None) -> list[Piece]:
    """Return the boxes of the whole tensor that this process holds; none where its shard is empty.

    It communicates with no other process. `local` is the shard, if it is known.

    Raises:
        TensorError: a placement is a sum's part, or unknown, or torch places the shard elsewhere.
    """
    whole, mesh, placements = tuple(tensor.shape), tensor.device_mesh, tensor.placements
    if local is None:
        local = local_of(tensor)
    coordinate = mesh.get_coordinate()
    if coordinate is None:
        return []
    splits = _splits(placements, tuple(mesh.shape), coordinate)
    layout, *others = _layouts(whole, splits)
    if (whole, splits) not in _agreeing:
        _compare(tensor, whole, layout)
        if len(_agreeing) >= MAX_LAYOUTS:
            _agreeing.clear()
        _agreeing.add((whole, splits))
    shape = tuple(local.shape)
    for found in (*others, layout):  # parameters with strided shards are of the others
        if _agree(_shape(found), shape):
            return [
                Piece(box, _narrowed(local, box, firsts) if firsts else local)
                for box, firsts in _cut(whole, found)
            ]
    raise TensorError(
        f"the local shard has the shape {shape}, and {placements} of {whole} "
        f"give {_shape(layout)}: distribute the tensor anew, such as by distribute_tensor"
    )


def local_of(tensor: DTensor) -> torch.Tensor:
    """Return the shard, outside of any graph."""
    with torch.no_grad():
        return tensor.to_local()


def _splits(placements: Sequence[Placement], mesh: Shape, coordinate: Sequence[int]) -> tuple[_Split, ...]:
    """Return the splits of the mesh dimensions, in their order."""
    splits = []
    for axis, placement in enumerate(placements):
        if placement.is_partial():
            raise TensorError(
                f"a DTensor of {placement} holds parts of a sum, which no initialisation can give: "
                "redistribute it to Shard or Replicate"
            )
        factor = getattr(placement, "split_factor", 1 if isinstance(placement, Shard) else 0)
        if factor:
            splits.append(_Split(placement.dim, factor, mesh[axis], coordinate[axis]))  # type: ignore[attr-defined]
        elif not isinstance(placement, Replicate):
            raise TensorError(
                f"a DTensor of {placement} has no known layout: redistribute it to Shard or Replicate"
            )
    return tuple(splits)


@lru_cache(MAX_LAYOUTS)
def _layouts(whole: Shape, splits: tuple[_Split, ...]) -> tuple[Layout, ...]:
    """Return the layout as the placements describe it, then that of `fully_shard`, if it may be one."""
    strided = _as_fully_shard(whole, splits)
    return (_layout(whole, splits), *(() if strided is None else (strided,)))


def _as_fully_shard(whole: Shape, splits: tuple[_Split, ...]) -> Layout | None:
    """Return the layout of `fully_shard`, which splits what tensor parallelism has split before.

    The placements name the mesh dimensions in the other order, with strided shards.
    Both orders are one layout unless chunks are uneven, as those of 50,257 rows over 8 × 2 processes.
    None where the placements are of no `fully_shard`.
    """
    for i, split in enumerate(splits):
        right = [other.chunks for other in splits[i + 1 :] if other.dim == split.dim]
        if split.factor not in (1, math.prod(right)):
            return None
    plain = [split for split in splits if split.factor == 1]
    strided = [split._replace(factor=1) for split in reversed(splits) if split.factor > 1]
    return _layout(whole, (*plain, *strided)) if strided else None


def _layout(whole: Shape, splits: tuple[_Split, ...]) -> Layout:
    """Return what is left of the whole after splits, one after the other."""
    held: list[list[Range]] = [[(0, size)] if size else [] for size in whole]
    for dim, factor, chunks, coordinate in splits:
        parts = [_chunk(held[dim], factor, j) for j in range(factor)]
        held[dim] = _joined(found for part in parts for found in _chunk(part, chunks, coordinate))
    return tuple(map(tuple, held))


def _chunk(held: Sequence[Range], chunks: int, index: int) -> list[Range]:
    """Return one of the chunks of `torch.chunk`: all but the last have the same size, and some may lack."""
    size = -(-sum(stop - start for start, stop in held) // chunks)
    first, last = index * size, (index + 1) * size
    found, passed = [], 0
    for start, stop in held:
        low, high = start + max(first - passed, 0), min(stop, start + last - passed)
        if low < high:
            found.append((low, high))
        passed += stop - start
    return found


def _joined(ranges: Iterator[Range]) -> list[Range]:
    """Return the ranges, of which those that follow each other are one."""
    found: list[Range] = []
    for start, stop in ranges:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


@lru_cache(MAX_LAYOUTS)
def _shape(layout: Layout) -> Shape:
    return tuple(sum(stop - start for start, stop in ranges) for ranges in layout)


def _agree(shape: Shape, other: Shape) -> bool:
    """Return whether the shapes are equal, or both without elements: torch then gives any."""
    return shape == other or (0 in shape and 0 in other)


def _compare(tensor: DTensor, whole: Shape, layout: Layout) -> None:
    """Compare the layout that the placements describe with torch's shape and first offset.

    Raises:
        TensorError: they differ, or this version of torch gives none.
    """
    found = _shape_and_offset(tensor)
    expected = _shape(layout)
    if found is None:
        raise TensorError(
            f"torch {torch.__version__} does not say which part of a DTensor a process holds: "
            "fill the local tensor, with global_shape and offset"
        )
    shape, offset = found
    if 0 in expected:
        agree = 0 in shape
    else:
        agree = shape == expected and offset == tuple(ranges[0][0] for ranges in layout)
    if not agree:
        raise TensorError(
            f"torch {torch.__version__} places {tensor.placements} of {whole} at {offset} with the shape "
            f"{shape}, and tensorseed at {layout}: fill the local tensor, with global_shape and offset"
        )


def _shape_and_offset(tensor: DTensor) -> tuple[Shape, Shape] | None:
    """Return torch's local shape and first offset; None where neither of two ways is there."""
    with torch.device("cpu"):  # torch computes offsets as tensors of the default device, which may be meta
        try:
            from torch.distributed.tensor._utils import compute_local_shape_and_global_offset
        except ImportError:
            if not hasattr(tensor, "__create_chunk_list__"):
                return None
            (chunk,) = tensor.__create_chunk_list__()  # type: ignore[no-untyped-call]
            return tuple(chunk.sizes), tuple(chunk.offsets)
        shape, offset = compute_local_shape_and_global_offset(
            tensor.shape, tensor.device_mesh, tensor.placements
        )
    return tuple(shape), tuple(offset)


@lru_cache(MAX_LAYOUTS)
def _cut(whole: Shape, layout: Layout) -> list[tuple[Box, Shape]]:
    """Return a box for every combination of a range of each dimension, and its first indices in the shard.

    There are no such indices where the box is the whole shard.
    """
    sizes = [[stop - start for start, stop in ranges] for ranges in layout]
    firsts = [[0, *itertools.accumulate(of_dim)][:-1] for of_dim in sizes]
    found = []
    for chosen in itertools.product(*(range(len(ranges)) for ranges in layout)):
        starts = tuple(layout[dim][i][0] for dim, i in enumerate(chosen))
        shape = tuple(sizes[dim][i] for dim, i in enumerate(chosen))
        found.append((Box(whole, starts, shape), tuple(firsts[dim][i] for dim, i in enumerate(chosen))))
    return [(found[0][0], ())] if len(found) == 1 else found


def _narrowed(local: torch.Tensor, box: Box, firsts: Shape) -> torch.Tensor:
    """The part of a shard that holds the elements of a box."""
    for dim, (first, size) in enumerate(zip(firsts, box.shape, strict=True)):
        local = local.narrow(dim, first, size)
    return local
