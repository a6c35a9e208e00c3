"""Compiled kernels that draw consecutive elements of many tensors at once.

A call fills range after range in memory. A range is runs of consecutive elements, written one behind the
other. A row of `ranges` has the address, the number of runs, the elements of each, the first run's start, and
the elements from start to start. If those are `LISTED`, starts are in `starts`, from the index on that stands
in the place of the first.
`keys` has the four words of `philox.Key` first, a row for each range. `arguments` has what follows the random
words, exact in float64, likewise. `layout` is that of the elements, as `element_stores.py` says.

One call for many small tensors costs less than one for each, by more than it takes to draw them. So does one
range of many runs: what all runs share is in registers before the first of them, and short runs share steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorseed.sampling.block_vectors import (
    BLOCKS,
    ELEMENT_BYTES,
    consecutive,
    copy_bytes,
    listed,
    number_at,
    scratch,
    set_number,
)
from tensorseed.sampling.element_stores import put
from tensorseed.sampling.kernels import (
    draw_near_trunc_normal,
    draw_normal,
    draw_trunc_normal,
    draw_uniform,
)
from tensorseed.sampling.machine_code.entry_points import LISTED

F = np.float32
PER_BLOCK = 4  # elements

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
def fill_range(draw: Any, layout: Any, row: Any, starts: Any, key: Any, parameters: Any) -> None:
    """Write the elements of all runs of a range, `BLOCKS` blocks at a time.

    A step within a run goes where its elements belong. Another step has blocks of several runs, one behind
    the other. Where runs cut blocks, or the last step is not full, it goes into scratch, and parts of it are
    copied from there.
    """
    address, runs, size, first, distance = row[0], row[1], row[2], row[3], row[4]
    width, step = layout[1], PER_BLOCK * BLOCKS
    drawn = scratch()
    list_at = drawn + np.uint64(ELEMENT_BYTES)
    parts = list_at + np.uint64(8 * BLOCKS)
    r, j = 0, 0  # the run, and a block of it
    start = run_start(starts, first, distance, 0)
    while r < runs:
        block, cut = start >> 2, start & 3  # elements of the first block that precede the run
        begin, target = PER_BLOCK * j - cut, address
        numbers = consecutive(np.uint64(block + j))
        copied = source = nbytes = 0  # parts; the last one
        if begin >= 0 and begin + step <= size:
            j += BLOCKS
            address += step * width
            if begin + step == size:
                r, j = r + 1, 0
                start = run_start(starts, first, distance, min(r, runs - 1))
        else:
            is_listed = ((cut + size + 3) >> 2) - j < BLOCKS and r < runs - 1
            filled = 0  # blocks
            while filled < BLOCKS and r < runs:
                block, cut = start >> 2, start & 3
                taken = min(BLOCKS - filled, ((cut + size + 3) >> 2) - j)
                if is_listed:
                    for i in range(taken):
                        set_number(list_at, filled + i, block + j + i)
                begin, end = max(PER_BLOCK * j - cut, 0), min(PER_BLOCK * (j + taken) - cut, size)
                since = (PER_BLOCK * (filled - j) + begin + cut) * width
                if nbytes and since != source + nbytes:
                    set_number(parts, 2 * copied, source)
                    set_number(parts, 2 * copied + 1, nbytes)
                    copied += 1
                    nbytes = 0
                if not nbytes:
                    source = since
                nbytes += (end - begin) * width
                address += (end - begin) * width
                filled += taken
                j += taken
                if end == size:
                    r, j = r + 1, 0
                    start = run_start(starts, first, distance, min(r, runs - 1))
            if is_listed:
                numbers = listed(list_at)
        is_whole = address - target == step * width
        ones, others = draw(numbers, key, parameters)
        put(np.uint64(target) if is_whole else drawn, ones, others, layout)
        if not is_whole:
            for i in range(copied):
                since, count = number_at(parts, 2 * i), number_at(parts, 2 * i + 1)
                copy_bytes(np.uint64(target), drawn + np.uint64(since), count)
                target += count
            copy_bytes(np.uint64(target), drawn + np.uint64(source), nbytes)


@njit(forceinline=True)
def run_start(starts: Any, first: Any, distance: Any, run: Any) -> Any:
    """The element with which a run begins."""
    return starts[first + run] if distance == LISTED else first + run * distance


@njit(forceinline=True)
def fill_ranges(
    draw: Any, parameters_of: Any, layout: Any, ranges: Any, starts: Any, keys: Any, arguments: Any
) -> None:
    """Range after range."""
    for t in range(ranges.shape[0]):
        k, parameters = keys[t], parameters_of(arguments[t])
        if ranges[t, 1] > 0 and ranges[t, 2] > 0:
            fill_range(draw, layout, ranges[t], starts, (k[0], k[1], k[2], k[3]), parameters)


@drawing
def uniform_ranges(layout: Any, ranges: Any, starts: Any, keys: Any, arguments: Any) -> None:
    """`uniform32` over ranges."""
    fill_ranges(draw_uniform, uniform_parameters, layout, ranges, starts, keys, arguments)


@drawing
def normal_ranges(layout: Any, ranges: Any, starts: Any, keys: Any, arguments: Any) -> None:
    """`normal32` over ranges."""
    fill_ranges(draw_normal, normal_parameters, layout, ranges, starts, keys, arguments)


@drawing
def trunc_normal_ranges(layout: Any, ranges: Any, starts: Any, keys: Any, arguments: Any) -> None:
    """`trunc_normal32` over ranges."""
    fill_ranges(draw_trunc_normal, trunc_normal_parameters, layout, ranges, starts, keys, arguments)


@drawing
def near_trunc_normal_ranges(layout: Any, ranges: Any, starts: Any, keys: Any, arguments: Any) -> None:
    """`near_trunc_normal32` over ranges."""
    fill_ranges(draw_near_trunc_normal, near_trunc_normal_parameters, layout, ranges, starts, keys, arguments)


KERNELS = [uniform_ranges, normal_ranges, trunc_normal_ranges, near_trunc_normal_ranges]
