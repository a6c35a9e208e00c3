"""Draws of one thread on one core, against oneMKL's Philox and each other.

Every side fills one buffer again and again, and its processor time is taken. A call of ours goes through
the executor, as a chunk of a download does.

oneMKL gives processors of other makers its oldest code. `MKL_DEBUG_CPU_TYPE=7` makes its release 2019.0 use
AVX-512 on them, and 5 AVX2; later releases ignore it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.compare import Measure, Work, in_turn
from benchmarks.effort import Effort
from benchmarks.generation import CACHE, EXECUTOR, STREAM
from benchmarks.rows import Row, Scale, Skipped, Target, compared
from tensorseed.sampling.distributions import Distribution, Normal, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.kernel_cache import compile_kernels

SIZES = {"128 KiB": 128 << 10, "4 MiB": 4 << 20}
ROUNDS, SECONDS = 9, 0.05  # of a side in a round
UNIFORM, NORMAL = Uniform(0.0, 1.0), Normal(0.0, 1.0)
TRUNC_NORMAL = TruncNormal(0.0, 1.0, -2.0, 2.0)

PHILOX, MODE = 16 << 20, 0  # VSL_BRNG_PHILOX4X32X10; of a uniform, VSL_RNG_METHOD_UNIFORM_STD
BOX_MULLER_2, ICDF = 1, 2  # VSL_RNG_METHOD_GAUSSIAN_…
VARIABLE = "MKL_RT"
RELEASE, PROCESSOR = "2019.0", "MKL_DEBUG_CPU_TYPE"  # the release with figures, and what it reads
INSTALL = (
    f"pip install mkl=={RELEASE}, into any environment; {VARIABLE} names its libmkl_rt.so, "
    f"and {PROCESSOR}=7 lets it use AVX-512 on a processor of AMD"
)


class OneMkl:
    """oneMKL's vector statistics, one thread, a stream of Philox4x32-10."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.MKL_Set_Threading_Layer(1)  # sequential
        self._stream = ctypes.c_void_p()
        self._library.vslNewStream(ctypes.byref(self._stream), PHILOX, 42)

    @property
    def is_slowed(self) -> bool:
        """Whether it uses its oldest code, as on a processor of AMD but for a release and a variable."""
        text = ctypes.create_string_buffer(198)
        self._library.MKL_Get_Version_String(text, len(text))
        measured = f"Version {RELEASE} ".encode() in text.value and os.environ.get(PROCESSOR) == "7"
        cpuinfo = Path("/proc/cpuinfo")
        return not measured and cpuinfo.exists() and "AuthenticAMD" in cpuinfo.read_text()

    def draw(self, function: str, method: int, out: Any) -> None:
        """Fill an array by a function of two parameters, 0 and 1, as `vsRngGaussian`."""
        real = ctypes.c_float if out.itemsize == 4 else ctypes.c_double
        address = ctypes.c_void_p(out.ctypes.data)
        getattr(self._library, function)(method, self._stream, out.size, address, real(0), real(1))


def one_mkl() -> OneMkl | None:
    """The library of this environment, or of the path in the variable `MKL_RT`."""
    named = os.environ.get(VARIABLE)
    found = [Path(named)] if named else sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    return OneMkl(found[0]) if found else None


def kernels(effort: Effort) -> Iterator[Row]:
    """Both sizes, with all sides of a size in turn."""
    compile_kernels(CACHE)
    torch.set_num_threads(1)
    theirs = one_mkl()
    if theirs is None:
        yield Skipped("draws against oneMKL", f"oneMKL not found ({INSTALL})")
    elif theirs.is_slowed:
        yield Skipped("draws against oneMKL", f"it would use no AVX-512 on this processor ({INSTALL})")
        theirs = None
    with _one_core():
        for name, size in SIZES.items():
            yield from _rows(name, size, max(effort.rounds, ROUNDS if effort.rounds > 2 else 2), theirs)


def _rows(name: str, size: int, rounds: int, theirs: OneMkl | None) -> Iterator[Row]:
    works = _ours(size) | _torch(size) | (_mkl(size, theirs) if theirs else {})
    counts = {side: count for side, (_, count) in works.items()}
    took = in_turn({side: _seconds_each(work, count) for side, (work, count) in works.items()}, rounds)
    pairs = [
        ("uniform float32", "oneMKL Philox uniform", 1.0),
        ("normal float32", "oneMKL Philox Gaussian, ICDF", 1.0),
        ("normal float32", "oneMKL Philox Gaussian, BoxMuller2", 1.3),
        ("truncated normal float32", "normal float32", 1.0),
        ("normal bfloat16", "normal float32", 1.1),
        ("normal float64", "oneMKL Philox Gaussian, ICDF, float64", None),
        ("normal float64", "`torch.nn.init.normal_`, float64", 4.0),
        ("normal float16", "normal bfloat16", 0.9),
        ("normal float8_e4m3fn", "normal bfloat16", 0.9),
        ("normal float8_e5m2", "normal bfloat16", 0.9),
    ]
    for ours, against, minimum in pairs:
        if against in counts:
            target = None if minimum is None else Target(minimum)
            scale, row = Scale("M/s", 1e-6), f"{ours}, one thread, buffer of {name}"
            yield compared(row, against, took[ours], took[against], scale, target)


def _ours(size: int) -> dict[str, tuple[Work, int]]:
    def side(what: Distribution, dtype: str) -> tuple[Work, int]:
        out = np.zeros(size // DTYPES[dtype].itemsize, DTYPES[dtype].storage)
        return lambda: EXECUTOR.fill(what, DTYPES[dtype], STREAM, 0, out), out.size

    dtypes = ("float32", "bfloat16", "float64", "float16", "float8_e4m3fn", "float8_e5m2")
    return {
        "uniform float32": side(UNIFORM, "float32"),
        "truncated normal float32": side(TRUNC_NORMAL, "float32"),
        **{f"normal {dtype}": side(NORMAL, dtype) for dtype in dtypes},
    }


def _torch(size: int) -> dict[str, tuple[Work, int]]:
    tensor = torch.zeros(size // 8, dtype=torch.float64)
    return {"`torch.nn.init.normal_`, float64": (lambda: torch.nn.init.normal_(tensor), tensor.numel())}


def _mkl(size: int, mkl: OneMkl) -> dict[str, tuple[Work, int]]:
    def side(function: str, method: int, real: type) -> tuple[Work, int]:
        out: Any = np.zeros(size // np.dtype(real).itemsize, real)
        return lambda: mkl.draw(function, method, out), out.size

    return {
        "oneMKL Philox uniform": side("vsRngUniform", MODE, np.float32),
        "oneMKL Philox Gaussian, ICDF": side("vsRngGaussian", ICDF, np.float32),
        "oneMKL Philox Gaussian, BoxMuller2": side("vsRngGaussian", BOX_MULLER_2, np.float32),
        "oneMKL Philox Gaussian, ICDF, float64": side("vdRngGaussian", ICDF, np.float64),
    }


def _seconds_each(work: Work, count: int) -> Measure:
    """The measure of a value's processor time, in seconds, over as many calls as fill some time."""
    repeats = 1

    def measure() -> float:
        nonlocal repeats
        start = time.thread_time()
        for _ in range(repeats):
            work()
        took = (time.thread_time() - start) / repeats
        repeats = max(1, int(SECONDS / took))
        return took / count

    return measure


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep the thread on one core meanwhile, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
