"""Compiled kernels that draw consecutive blocks of many tensors at once.

A call fills range after range in memory. Range i begins at the address `addresses[i]`, and has `runs[i, 0]`
runs, `runs[i, 1]` bytes apart. Each run is `counts[i]` consecutive blocks of four elements. `blocks` has the
first block of every run, range after range. Of a range without runs it lists all `counts[i]` blocks.
The row of a range in `keys` and `arguments` is `owners[i]`. `keys` has the four words of `philox.Key` first.
`arguments` has what follows the random words, exact in float64. `layout` is that of the elements, as
`element_stores.py` says.

One call for many small tensors costs less than one for each, by more than it takes to draw them. So does one
range of many runs: what all runs share is in registers before the first of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorseed.sampling.block_vectors import BLOCKS, consecutive, copy_bytes, listed, scratch
from tensorseed.sampling.element_stores import put
from tensorseed.sampling.kernels import (
    Transform,
    draw_near_trunc_normal,
    draw_normal,
    draw_trunc_normal,
    draw_uniform,
)

F = np.float32

drawing = njit(nogil=True, error_model="numpy", boundscheck=False)


@njit(forceinline=True)
def uniform_parameters(row: Any) -> Any:
    """Those of `uniform32`, of a row of arguments."""
    return F(row[0]), F(row[1]), F(row[2])


@njit(forceinline=True)
def normal_parameters(row: Any) -> Any:
    """Those of `normal32`."""
    return F(row[0]), F(row[1])


@njit(forceinline=True)
def trunc_normal_parameters(row: Any) -> Any:
    """Those of `trunc_normal32`."""
    around, steps = (F(row[0]), F(row[1]), F(row[2]), F(row[3])), (F(row[5]), F(row[6]), F(row[7]))
    return (*around, np.int64(row[4]), *steps, F(row[8]), F(row[9]))


@njit(forceinline=True)
def near_trunc_normal_parameters(row: Any) -> Any:
    """Those of `near_trunc_normal32`."""
    return F(row[0]), F(row[1]), F(row[2]), F(row[3]), F(row[4]), F(row[5])


@njit(forceinline=True)
def fill_run(
    draw: Any,
    address: Any,
    layout: Any,
    blocks: Any,
    at: Any,
    count: Any,
    is_listed: Any,
    key: Any,
    parameters: Any,
) -> None:
    """Write the elements of `count` blocks from an address on, `BLOCKS` at a time.

    Their numbers begin at `blocks[at]`, or are listed from there on. The last step ends with the last block,
    and so draws some blocks again. Fewer blocks than a step has are drawn into scratch, and copied.
    """
    target = address if count >= BLOCKS else scratch()
    last, size = max(count - BLOCKS, 0), 4 * layout[1]
    for i in range(0, count, BLOCKS):
        begin = min(i, last)
        if is_listed:
            numbers = listed(blocks, at + begin, at + count - 1)
        else:
            numbers = consecutive(np.uint64(blocks[at] + begin))
        first, second = draw(numbers, key, parameters)
        put(target + np.uint64(begin * size), first, second, layout)
    if count < BLOCKS:
        copy_bytes(address, target, count * size)


@njit(forceinline=True)
def fill_ranges(
    draw: Any,
    parameters_of: Any,
    layout: Any,
    addresses: Any,
    runs: Any,
    blocks: Any,
    counts: Any,
    owners: Any,
    keys: Any,
    arguments: Any,
) -> None:
    """Range after range, run after run."""
    at = 0
    for t in range(addresses.size):
        k, parameters = keys[owners[t]], parameters_of(arguments[owners[t]])
        key = k[0], k[1], k[2], k[3]
        is_listed = runs[t, 0] == 0
        for r in range(max(runs[t, 0], 1)):
            address = np.uint64(addresses[t] + r * runs[t, 1])
            fill_run(draw, address, layout, blocks, at, counts[t], is_listed, key, parameters)
            at += counts[t] if is_listed else 1


@drawing
def uniform_ranges(
    layout: Any,
    addresses: Any,
    runs: Any,
    blocks: Any,
    counts: Any,
    owners: Any,
    keys: Any,
    arguments: Any,
) -> None:
    """`uniform32` over ranges."""
    fill_ranges(
        draw_uniform,
        uniform_parameters,
        layout,
        addresses,
        runs,
        blocks,
        counts,
        owners,
        keys,
        arguments,
    )


@drawing
def normal_ranges(
    layout: Any,
    addresses: Any,
    runs: Any,
    blocks: Any,
    counts: Any,
    owners: Any,
    keys: Any,
    arguments: Any,
) -> None:
    """`normal32` over ranges."""
    fill_ranges(
        draw_normal,
        normal_parameters,
        layout,
        addresses,
        runs,
        blocks,
        counts,
        owners,
        keys,
        arguments,
    )


@drawing
def trunc_normal_ranges(
    layout: Any,
    addresses: Any,
    runs: Any,
    blocks: Any,
    counts: Any,
    owners: Any,
    keys: Any,
    arguments: Any,
) -> None:
    """`trunc_normal32` over ranges."""
    fill_ranges(
        draw_trunc_normal,
        trunc_normal_parameters,
        layout,
        addresses,
        runs,
        blocks,
        counts,
        owners,
        keys,
        arguments,
    )


@drawing
def near_trunc_normal_ranges(
    layout: Any,
    addresses: Any,
    runs: Any,
    blocks: Any,
    counts: Any,
    owners: Any,
    keys: Any,
    arguments: Any,
) -> None:
    """`near_trunc_normal32` over ranges."""
    fill_ranges(
        draw_near_trunc_normal,
        near_trunc_normal_parameters,
        layout,
        addresses,
        runs,
        blocks,
        counts,
        owners,
        keys,
        arguments,
    )


@drawing
def copy_ranges(targets: Any, sources: Any, sizes: Any) -> None:
    """Copy `sizes[i]` bytes from the address `sources[i]` to `targets[i]`."""
    for t in range(targets.size):
        copy_bytes(np.uint64(targets[t]), np.uint64(sources[t]), sizes[t])


RANGES: dict[Transform, Any] = {
    "uniform32": uniform_ranges,
    "normal32": normal_ranges,
    "trunc_normal32": trunc_normal_ranges,
    "near_trunc_normal32": near_trunc_normal_ranges,
}
KERNELS = [*RANGES.values(), copy_ranges]
