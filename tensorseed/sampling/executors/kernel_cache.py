"""Compilation of the kernels, or machine code from the file that keeps it.

The file makes a start quick: neither numba nor its own files are read. numba writes it, and does what it
lacks.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from functools import cache as once
from pathlib import Path
from threading import Lock

import numpy as np

from tensorseed import sampling
from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions import (
    Distribution,
    Normal,
    Orthogonal,
    Quantized,
    Sparse,
    TruncNormal,
    Uniform,
)
from tensorseed.sampling.distributions.encoders import Encoder, ScaledInt8, Scaling
from tensorseed.sampling.distributions.four_bit_encoders import (
    AwqGroups,
    AwqWeights,
    GptqWeights,
    Mxfp4Blocks,
)
from tensorseed.sampling.dtypes import DTYPES, DType
from tensorseed.sampling.executors.base import Ranges
from tensorseed.sampling.executors.compile_progress import Progress, log_lines
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.low_precision import BFLOAT16
from tensorseed.sampling.machine_code.engine import link
from tensorseed.sampling.machine_code.entry_points import KERNELS
from tensorseed.sampling.machine_code.file import (
    MachineCode,
    can_write,
    read_code,
    write_code,
)
from tensorseed.sampling.machine_code.kernel import Entry, Types, before_numba
from tensorseed.sampling.machine_code.target import is_late, options_of_code, target_digest
from tensorseed.sampling.philox import Stream

LAYOUT = b"3"  # of the files, which begin with a digest
SOURCES = (  # the modules with kernels, and what they import
    "jit_target",
    "vectors",
    "primitives",
    "overloads",
    "dtypes",
    "philox",
    "transforms32",
    "transforms64",
    "block_vectors",
    "element_stores",
    "kernels",
    "range_kernels",
    "key_kernels",
    "loops/sparse",
    "quantization_kernels",
    "loops/orthogonal",
    "row_vectors",
    "reflections",
    "compact_wy",
    "low_precision",
    "machine_code/entry_points",
)
CALLS = (  # how machine code is kept and called
    "machine_code/engine",
    "machine_code/file",
    "machine_code/kernel",
    "machine_code/symbols",
    "machine_code/target",
    "machine_code/trampolines",
    "addresses",
    "executors/kernel_cache",
)
EXAMPLES: list[Distribution] = [  # together they run every kernel
    Uniform(0.0, 1.0),
    Normal(0.0, 1.0),
    TruncNormal(0.0, 1.0, -2.0, 2.0),
    TruncNormal(0.0, 1.0, -3.0, 3.0),
    Sparse(4, 4, 1, 1.0),
    Orthogonal(4, 4, 1.0),
    Orthogonal(8, 4, 1.0),
]
ENCODERS: list[tuple[Encoder, DType]] = [  # so do these, with the dtypes of what they store
    (ScaledInt8(Scaling((1, 8), 127.0, BFLOAT16)), DTYPES["int8"]),
    (Mxfp4Blocks(8), DTYPES["uint8"]),
    (GptqWeights(8), DTYPES["int32"]),
    (AwqWeights(AwqGroups(8)), DTYPES["int32"]),
]

_log = logging.getLogger(__name__)
_linked: set[Path] = set()
_linking = Lock()


def load_kernels(cache: Path | None) -> bool:
    """Call machine code of `cache` from now on, if it is there, unless this process calls some already.

    Returns whether it calls machine code, of this cache or of an earlier one.
    """
    return cache is not None and _load(cache)


def _load(cache: Path) -> bool:
    """Link the machine code of a cache, once a process."""
    with _linking:
        if not _linked:
            try:
                path = _code_path(cache)
                code = read_code(path)
                entries = _entries(code, link(code))
            except FileNotFoundError:
                if options_of_code():  # of others: without any it is the first start
                    _explain("none is there")
                return False
            except (OSError, ValueError, ImportError) as error:  # a damaged one, another numba
                _explain(str(error))
                return False
            for kernel in KERNELS:
                kernel.install(entries[kernel.name])
            _linked.add(path)
            before_numba(lambda: _leave_to_numba(cache))
        return True


def _entries(code: MachineCode, addresses: dict[str, int]) -> dict[str, dict[Types, Entry]]:
    """The machine code of every kernel.

    Raises:
        ValueError: it lacks a kernel.
    """
    entries: dict[str, dict[Types, Entry]] = {}
    for point in code.entry_points:
        entry = Entry(addresses[point.symbol], point.codes)
        entries.setdefault(point.kernel, {})[tuple(point.types)] = entry
    if missing := {kernel.name for kernel in KERNELS} - entries.keys():
        raise ValueError(f"the file lacks kernels: {', '.join(sorted(missing))}")
    return entries


@once
def _explain(reason: str) -> None:
    """Log why kernels are left to numba."""
    options = ", ".join(options_of_code())
    _log.info(
        "no machine code of kernels is loaded: %s", f"{reason}; {options} are set" if options else reason
    )


def _leave_to_numba(cache: Path) -> None:
    """Have numba look up in a cache what machine code lacks, beginning now."""
    _log.info("the compiler is loaded for arguments that no machine code takes")
    from tensorseed.sampling.executors.numba_cache import use_numba

    use_numba(cache / sources_digest())


def use_cache(cache: Path | None) -> None:
    """Look every kernel up in `cache`, if that is not None, before compiling it at its first use.

    The cache's folder is named after the sources of all kernels and of all functions that they inline.
    numba by itself would notice a change of a kernel's own file only.
    """
    if load_kernels(cache):
        return
    from tensorseed.sampling.executors.numba_cache import use_numba

    use_numba(None if cache is None else cache / sources_digest())


def compile_kernels(cache: Path | None, progress: Progress | None = None) -> None:
    """Compile every kernel, or load it from `cache`, so that no request waits for the compiler.

    `progress` learns how much is there whenever the compiler has done something; by default, the log does.
    """
    use_cache(cache)
    if _linked:
        return
    from tensorseed.sampling.executors.numba_cache import compiled_code, counted

    with counted(progress or log_lines()):
        run_examples()
    if cache is None or is_late():  # it names a target for which this process does not compile
        return
    try:
        path = _code_path(cache)
        if can_write(path):
            write_code(path, compiled_code())
    except Exception as error:  # of a full disk, or of another numba: it has the kernels all the same
        _log.info("every start imports the compiler: %s", error)


def run_examples() -> None:
    """Run every kernel, for all types of its arguments."""
    executor, stream = CompiledExecutor(), Stream(0, "")
    for distribution in EXAMPLES:
        for dtype in (d for d in DTYPES.values() if d.mantissa_bits):
            executor.fill(distribution, dtype, stream, 0, np.empty(4, dtype.storage))
            indices, out = np.zeros(1, np.int64), np.empty(1, dtype.storage)
            executor.gather(distribution, dtype, stream, indices, out)
    memory, kinds = np.empty(5, np.float32), [(EXAMPLES[0], DTYPES["float32"])]
    row, *columns = (np.array([number]) for number in (0, 0, address_of(memory), memory.size))
    executor.fill_many(0, Ranges(kinds, row, [""], (), *columns))
    for encoder, dtype in ENCODERS:
        quantized = Quantized(Normal(0.0, 1.0), BFLOAT16, 1, 8, 8, encoder)
        executor.fill(quantized, dtype, stream, 0, np.empty(1, dtype.storage))


def _code_path(cache: Path) -> Path:
    return cache / sources_digest() / f"{target_digest()}-{_digest(CALLS)}.code"


@once
def sources_digest() -> str:
    """The first 16 hex digits of the SHA-256 of the files' layout and all sources of the kernels."""
    return _digest(SOURCES)


def _digest(names: Iterable[str]) -> str:
    folder = Path(str(sampling.__file__)).parent
    sources = ((folder / f"{name}.py").read_bytes() for name in names)
    return hashlib.sha256(b"".join((LAYOUT, *sources))).hexdigest()[:16]
