"""Executors: the same bits for every range and selection."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.sampling.distributions import (
    Axis,
    BilinearKernel,
    Constant,
    Dirac,
    Eye,
    KernelCentre,
    Normal,
    Orthogonal,
    Sinusoidal,
    Sparse,
    Stack,
    Uniform,
    Values,
    ZeroRange,
)
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.low_precision import decode, encode, narrow
from tensorseed.sampling.philox import Stream
from tests.serving import ROOT
from tests.tensorseed.draws import DRAWN, FLOATS, bits, executors, numbers, runs

FLOAT32 = DTYPES["float32"]
EXECUTORS = dict(executors())
NARROW = [dtype for dtype in FLOATS if dtype.itemsize < 4]
PLAIN = [
    Constant(0.1),
    Values(tuple(i / 7 for i in range(600))),
    Eye(23, gain=0.98),
    BilinearKernel(Axis(60, 6), Axis(20, 3), Axis(4, 5), Axis(1, 4)),
    ZeroRange(Normal(0, 1), 30, 90),
    Sparse(23, 23, 5, 0.1),
    Orthogonal(23, 23, 1.5),
    Sinusoidal(24, 1e4, False, True),
    Sinusoidal(700, 1e4, True, False),
    KernelCentre(Dirac(5, 4), (Axis(25, 21), Axis(5, 5)), (Axis(1, 5),), (2,)),
    KernelCentre(Orthogonal(21, 5, 1.0), (Axis(25, 21), Axis(5, 5)), (Axis(1, 5),), (2,)),
    KernelCentre(Eye(5), (Axis(1, 25),)),
    KernelCentre(Orthogonal(35, 15, 1.0), (Axis(15, 35), Axis(5, 3), Axis(1, 5))),
    KernelCentre(Orthogonal(15, 35, 1.0), (Axis(5, 3), Axis(1, 5), Axis(15, 35))),
    Stack(Orthogonal(5, 7, 1.0), 15),
    Stack(Orthogonal(7, 3, 1.5), 25),
    KernelCentre(Stack(Orthogonal(7, 5, 1.0), 15), (Axis(5, 15), Axis(75, 7), Axis(1, 5))),
    Sparse(21, 25, 7, 0.1, ((Axis(5, 21),), (Axis(105, 5), Axis(1, 5)))),
]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("what", DRAWN, ids=str)
@pytest.mark.parametrize("executor", [name for name in EXECUTORS if name != "cpu"])
def test_executors_agree_bit_for_bit(executor, what, dtype):
    first = 4 * (2**32 - 5_000) + 3  # the block's number passes 2³² on the way
    compiled = bits(what, dtype, 100_003, first=first)
    tensors = bits(what, dtype, 100_003, first=first, executor=EXECUTORS[executor])
    assert np.array_equal(compiled.view(np.uint8), tensors.view(np.uint8))


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("what", [*DRAWN, *PLAIN], ids=str)
def test_what_fills_the_same_again_fills_as_ever(what, dtype):
    for size in (0, 3, 524, 525):
        fill = EXECUTORS["cpu"].filling(what, dtype, size)
        for stream in (Stream(42, "weight"), Stream(7, "ü")):
            found, expected = np.empty(size, dtype.storage), np.empty(size, dtype.storage)
            fill(stream, found)
            EXECUTORS["cpu"].fill(what, dtype, stream, 0, expected)
            assert np.array_equal(found.view(np.uint8), expected.view(np.uint8))


@given(data=st.data())
def test_any_range_and_any_selection_is_part_of_the_whole(data):
    what = data.draw(st.sampled_from([*DRAWN, *PLAIN]))
    dtype = data.draw(st.sampled_from(FLOATS))
    executor = EXECUTORS[data.draw(st.sampled_from(list(EXECUTORS)))]
    whole = bits(what, dtype, 525)
    start = data.draw(st.integers(0, 524))
    stop = data.draw(st.integers(start, 525))
    assert np.array_equal(bits(what, dtype, stop - start, first=start, executor=executor), whole[start:stop])
    chosen = np.array(data.draw(st.lists(st.integers(0, 524), max_size=40)), np.int64)
    out = np.empty(chosen.size, dtype.storage)
    executor.gather(what, dtype, Stream(42, "weight"), chosen, out)
    assert np.array_equal(out, whole[chosen])


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_change_nothing(threads):
    size, piece = 1_000_003, 30_011
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(
            lambda i: bits(Normal(0, 1), FLOAT32, min(piece, size - i), first=i), range(0, size, piece)
        )
        assert np.array_equal(np.concatenate(list(parts)), bits(Normal(0, 1), FLOAT32, size))


def digest_of_draws() -> str:
    """The digest of draws of every kind and dtype, and of runs, by this process's code."""
    digest = hashlib.sha256()
    for what in DRAWN:
        for dtype in FLOATS:
            digest.update(bits(what, dtype, 20_001, first=1).tobytes())
            for step in (1_001, 1_004):
                digest.update(runs(what, dtype, step * np.arange(9) + 3, 515).tobytes())
    return digest.hexdigest()


def test_generic_and_native_code_give_the_same_bits():
    """The same digest from code without any vector extension but SSE2, in a process of its own."""
    program = f"from {__name__} import digest_of_draws; print(digest_of_draws())"
    generic = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CPU_NAME": "generic"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert generic == f"{digest_of_draws()}\n"


@pytest.mark.parametrize("dtype", NARROW, ids=lambda d: d.name)
def test_a_narrow_dtype_is_the_rounding_of_float32(dtype):
    for what in DRAWN[:2]:
        wide = bits(what, FLOAT32, 10_000)
        rounded = torch.from_numpy(wide).to(getattr(torch, dtype.name)).view(torch.uint8).numpy()
        assert np.array_equal(bits(what, dtype, 10_000).view(np.uint8), rounded)


@pytest.mark.parametrize("dtype", NARROW, ids=lambda d: d.name)
def test_rounding_equals_torchs_at_every_value_every_tie_and_beside_each(dtype):
    codes = np.arange(1 << (8 * dtype.itemsize)).astype(dtype.storage)
    values = np.unique(decode(codes, dtype)[np.isfinite(decode(codes, dtype))])
    ties = (values[1:] + values[:-1]) / 2
    beyond = dtype.max * np.array([1 + 2.0**-9, 1 + 2.0**-5, 1.03, 1.04, 1.08, 1.5, 2, 1e30])
    with np.errstate(over="ignore"):
        points = np.concatenate([values, ties, beyond, -beyond]).astype(np.float32)
        up, down = np.nextafter(points, np.float32(np.inf)), np.nextafter(points, np.float32(-np.inf))
    points = np.concatenate([points, up, down, np.array([0.0, -0.0, np.inf, -np.inf], np.float32)])
    ours = np.empty(points.size, dtype.storage)
    narrow(points, dtype, ours)
    torchs = torch.from_numpy(points).to(getattr(torch, dtype.name)).view(torch.uint8).numpy()
    assert np.array_equal(ours.view(np.uint8), torchs)


@pytest.mark.parametrize("dtype", NARROW, ids=lambda d: d.name)
def test_decode_equals_torchs(dtype):
    codes = np.arange(1 << (8 * dtype.itemsize)).astype(dtype.storage)
    torchs = torch.from_numpy(codes.view(np.uint8).copy()).view(getattr(torch, dtype.name)).double().numpy()
    assert np.array_equal(decode(codes, dtype), torchs, equal_nan=True)


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
def test_literals_are_rounded_as_torch_rounds_them(dtype):
    literals = np.array([0.1, -0.0, 1 / 3, 5e-8, 300.0, 1.0000001])
    torchs = torch.tensor(literals).to(getattr(torch, dtype.draw)).to(getattr(torch, dtype.name))
    assert np.array_equal(encode(literals, dtype).view(np.uint8), torchs.view(torch.uint8).numpy())


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (5, 5), (1, 4), (4, 1)])
def test_eye_is_the_identity(shape):
    drawn = numbers(Eye(shape[1]), FLOAT32, shape[0] * shape[1]).reshape(shape)
    assert np.array_equal(drawn, np.eye(*shape))


def test_a_zero_range_is_zero_and_its_neighbours_are_the_bases():
    base, zeroed = bits(Normal(3, 1), FLOAT32, 100), bits(ZeroRange(Normal(3, 1), 20, 30), FLOAT32, 100)
    assert not zeroed[20:30].any()
    assert np.array_equal(np.delete(zeroed, np.s_[20:30]), np.delete(base, np.s_[20:30]))


def test_uniform_never_leaves_its_bounds_though_rounding_would():
    for low, high in [(0.1, 0.2), (-1e-3, 7.0), (0.3, 0.30000002), (5.0, 5.0)]:
        drawn = bits(Uniform(low, high), FLOAT32, 200_000)
        assert drawn.min() >= np.float32(low)
        assert drawn.max() <= np.float32(high)
