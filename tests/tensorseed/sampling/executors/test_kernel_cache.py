"""Machine code of the kernels: bits of numba, without it, faulty files."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorseed.sampling.distributions import Distribution, Normal, Orthogonal, Quantized, Sparse
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors import kernel_cache
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.kernel_cache import ENCODERS, EXAMPLES, load_kernels
from tensorseed.sampling.low_precision import BFLOAT16
from tensorseed.sampling.machine_code import engine
from tensorseed.sampling.machine_code.entry_points import KERNELS, RANGES, round_bfloat16
from tensorseed.sampling.machine_code.file import EntryPoint, MachineCode, read_code, write_code
from tensorseed.sampling.machine_code.kernel import Kernel
from tensorseed.sampling.philox import Stream
from tests.tensorseed.sampling.compilers import cache_folder, compile_by_numba, use_machine_code

STREAM = Stream(42, "weight")
SHAPES: list[tuple[Distribution, int]] = [
    *((example, 1_000) for example in EXAMPLES[:4]),
    (Sparse(100, 70, 30, 1.0), 7_000),
    (Orthogonal(130, 50, 1.0), 6_500),
    (Orthogonal(50, 130, 1.0), 6_500),
    (Orthogonal(60, 60, 1.0), 3_600),
]
PROGRAM = """
import sys
import tensorseed
spec = {"seed": 1, "layers": [
    {"name": "a", "type": "Linear", "in_features": 5, "out_features": 3},
    {"name": "b", "type": "Tensor", "shape": [9, 4], "init": "orthogonal"},
    {"name": "c", "type": "Tensor", "shape": [9, 9], "init": "trunc_normal", "dtype": "float64"},
    {"name": "d", "type": "Tensor", "shape": [9, 9], "init": {"kind": "sparse", "sparsity": 0.5}},
]}
weights = tensorseed.open(spec)
print(*(weights[name][0].shape for name in weights))
print("numba" in sys.modules)
"""


def drawn() -> list[bytes]:
    """Bytes of every kind: from odd offsets, listed, rounded, quantised."""
    executor, found = CompiledExecutor(), []
    for (what, size), dtype in product(SHAPES, (d for d in DTYPES.values() if d.mantissa_bits)):
        for first in (0, 3):
            out = np.empty(size - 7, dtype.storage)
            executor.fill(what, dtype, STREAM, first, out)
            found.append(out.tobytes())
        out = np.empty(4, dtype.storage)
        executor.gather(what, dtype, STREAM, np.array([1, 500, 2, 777]), out)
        found.append(out.tobytes())
    for encoder, dtype in ENCODERS:
        out = np.empty(2, dtype.storage)
        executor.fill(Quantized(Normal(0.0, 1.0), BFLOAT16, 1, 16, 16, encoder), dtype, STREAM, 0, out)
        found.append(out.tobytes())
    return found


def test_machine_code_gives_the_bits_of_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine_code()
    with monkeypatch.context() as patched:
        patched.setattr(Kernel, "dispatcher", None)  # so that nothing is left to numba
        by_machine_code = drawn()
    compile_by_numba(monkeypatch)
    assert drawn() == by_machine_code


def test_a_process_draws_without_numba() -> None:
    cache_folder()
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert answer.stdout == "(9,) () (5,) (4,) (9,)\nFalse\n"


def test_types_without_machine_code_are_left_to_numba() -> None:
    use_machine_code()
    bits = np.arange(8, dtype=np.int32)[::2] << 16
    strided = np.zeros(8, np.uint16)[::2]
    round_bfloat16(bits, strided)
    assert strided.tolist() == [0, 2, 4, 6]


def test_what_fails_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_bfloat16, "entry", None)
    failing = {(None,): lambda _: 1}
    monkeypatch.setattr(round_bfloat16, "_entries", failing)
    with pytest.raises(RuntimeError, match="the kernel round_bfloat16 failed"):
        round_bfloat16(1)


@pytest.fixture
def unlinked(monkeypatch: pytest.MonkeyPatch) -> list[Kernel]:
    """A process that has loaded nothing."""
    monkeypatch.setattr(kernel_cache, "_linked", set())
    for kernel in KERNELS:
        monkeypatch.setattr(kernel, "_entries", {})
    return KERNELS


def copied(to: Path, change: Any = bytes) -> Path:
    """A cache with the file of machine code, changed."""
    (source,) = {kernel_cache._code_path(cache_folder())}
    target = kernel_cache._code_path(to)
    target.parent.mkdir()
    target.write_bytes(change(source.read_bytes()))
    return to


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:1_000],
        lambda data: data[:50_000] + bytes([data[50_000] ^ 1]) + data[50_001:],
        lambda data: b"\x7fELF" + bytes(4_096),
    ],
)
def test_a_damaged_file_never_reaches_the_processor(
    change: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cache = copied(tmp_path, change)
    kernels = request.getfixturevalue("unlinked")
    assert not load_kernels(cache)
    assert all(kernel.entry(()) is None and not kernel._entries for kernel in kernels)


def test_another_numba_is_left_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = copied(tmp_path)
    engine._add_symbols.cache_clear()
    monkeypatch.setattr(engine, "RUNTIME", ("core", "_elsewhere"))
    monkeypatch.setattr(kernel_cache, "_linked", set())
    assert not load_kernels(cache)
    monkeypatch.undo()
    engine._add_symbols()


@pytest.mark.usefixtures("unlinked")
def test_code_of_other_options_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine_code()
    cache = copied(tmp_path)
    monkeypatch.setattr(kernel_cache, "_linked", set())
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert not load_kernels(cache)
    monkeypatch.delenv("NUMBA_OPT")
    assert load_kernels(cache)
    assert all(RANGES["normal32"]._entries)


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = MachineCode([b"abc", b""], [EntryPoint("kernel", [1, None], "kernel.0")])
    write_code(tmp_path / "folder" / "code", code)
    assert read_code(tmp_path / "folder" / "code") == code

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_code(tmp_path / "other", code)
    assert [*tmp_path.iterdir()] == [tmp_path / "folder"]
