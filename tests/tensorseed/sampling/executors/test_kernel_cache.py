"""Machine code of the kernels: bits of numba, without it, faulty files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from tensorseed import sampling
from tensorseed.sampling.addresses import address_of
from tensorseed.sampling.distributions import Distribution, Normal, Orthogonal, Quantized, Sparse
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors import kernel_cache, numba_cache
from tensorseed.sampling.executors.base import Ranges
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.executors.kernel_cache import CALLS, ENCODERS, EXAMPLES, SOURCES, load_kernels
from tensorseed.sampling.low_precision import BFLOAT16
from tensorseed.sampling.machine_code import engine
from tensorseed.sampling.machine_code.entry_points import (
    KERNELS,
    RANGES,
    draw_gaussians,
    normal_f64,
    round_bfloat16,
)
from tensorseed.sampling.machine_code.file import EntryPoint, MachineCode, can_write, read_code, write_code
from tensorseed.sampling.machine_code.kernel import OTHER, Entry, Kernel, array_type, before_numba, types_of
from tensorseed.sampling.philox import Stream
from tests.tensorseed.sampling.compilers import cache_folder, compile_by_numba, use_machine_code

SAMPLING = Path(str(sampling.__file__)).parent
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
    memory = np.empty(9, np.float32)
    row, *columns = (np.array([number]) for number in (0, 0, address_of(memory), memory.size))
    executor.fill_many(0, Ranges([(EXAMPLES[1], DTYPES["float32"])], row, ["a name"], (), *columns))
    found.append(memory.tobytes())
    for encoder, dtype in ENCODERS:
        out = np.empty(2, dtype.storage)
        executor.fill(Quantized(Normal(0.0, 1.0), BFLOAT16, 1, 16, 16, encoder), dtype, STREAM, 0, out)
        found.append(out.tobytes())
    return found


def test_machine_code_gives_the_bits_of_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine_code()
    used: set[str] = set()

    def counted(name: str, run: Callable[[bytes], int]) -> Callable[[bytes], int]:
        return lambda row: used.add(name) or run(row)  # type: ignore[func-returns-value]

    entries = {
        f"{kernel.name} {types}": each for kernel in KERNELS for types, each in kernel._entries.items()
    }
    with monkeypatch.context() as patched:
        patched.setattr(Kernel, "dispatcher", None)  # so that nothing is left to numba
        for name, entry in entries.items():
            patched.setattr(entry, "run", counted(name, entry.run))
        by_machine_code = drawn()
    assert used == {*entries}
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
    entry = Entry(0, "q")
    monkeypatch.setattr(entry, "run", lambda _: -3)
    monkeypatch.setattr(round_bfloat16, "_entries", {(None,): entry})
    with pytest.raises(RuntimeError, match="the kernel round_bfloat16 failed"):
        round_bfloat16(1)


def test_lack_of_memory_is_what_it_is() -> None:
    use_machine_code()
    with pytest.raises(MemoryError):
        draw_gaussians(np.empty((0, 1 << 58)), 0, STREAM.key().words())


def test_numbers_of_another_kind_give_the_values_of_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine_code()
    out, wanted, key = np.empty(4), np.empty(4), STREAM.key().words()
    normal_f64(wanted, 0, key, (np.float64(0.0), np.float64(1.0)))
    left: list[tuple[object, ...]] = []

    class Left:
        dispatcher = staticmethod(lambda *arguments: left.append(arguments))

    with monkeypatch.context() as patched:
        patched.setattr(Kernel, "dispatcher", Left.dispatcher)
        normal_f64(out, 0, key, (0, 1))  # integers are exact as float64
        assert out.tolist() == wanted.tolist()
        others = [(0.0, key), (1 << 64, key), (0, (-1, 0, 0, 0)), (0, (1 << 32, 0, 0, 0)), ("0", key)]
        for block, words in others:
            normal_f64(out, block, words, (0.0, 1.0))
    assert len(left) == len(others)


def test_arrays_of_another_kind_are_left_to_numba() -> None:
    out = np.empty((2, 2))
    locked, foreign = out.copy(), out.astype(">f8")
    locked.flags.writeable = False
    shifted = np.frombuffer(bytearray(33), np.uint8)[1:].view(np.float64).reshape(2, 2)
    arrays = out, locked, foreign, shifted, out.T, out.reshape(4), out.astype(np.float32)
    kinds = [types_of((array,)) for array in arrays]
    assert kinds[2] == kinds[3] == kinds[4] == (OTHER,)
    assert len(set(kinds)) == 5
    assert len({array_type(n, axes, True) for n in range(24) for axes in range(65)}) == 24 * 65


def test_what_falls_back_is_looked_up_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", kernel_cache.__name__)
    folders: list[Path | None] = []
    monkeypatch.setattr(numba_cache, "use_numba", folders.append)
    before_numba(lambda: kernel_cache._leave_to_numba(tmp_path))
    for _ in range(2):
        assert round_bfloat16.dispatcher is not None
    assert folders == [tmp_path / kernel_cache.sources_digest()]
    assert "no machine code takes" in caplog.text


def imported(name: str) -> Iterator[str]:
    """The modules of the package that a module of it imports."""
    package = "tensorseed.sampling."
    for node in ast.walk(ast.parse((SAMPLING / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(package):
            for each in (f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = each.removeprefix(package).replace(".", "/")
                if (SAMPLING / f"{path}.py").is_file():
                    yield path


def test_what_decides_machine_code_is_in_its_name() -> None:
    found: set[str] = set()
    left = {kernel._module.removeprefix("tensorseed.sampling.").replace(".", "/") for kernel in KERNELS}
    while left:
        name = left.pop()
        found.add(name)
        left |= {*imported(name)} - found
    assert found - {*CALLS} == {*SOURCES}
    code = {f"machine_code/{path.stem}" for path in (SAMPLING / "machine_code").glob("[a-z]*.py")}
    assert code <= {*CALLS, *SOURCES}


@pytest.fixture
def unlinked(monkeypatch: pytest.MonkeyPatch) -> list[Kernel]:
    """A process that has loaded nothing."""
    monkeypatch.setattr(kernel_cache, "_linked", set())
    for kernel in KERNELS:
        monkeypatch.setattr(kernel, "_entries", {})
    return KERNELS


def copied(to: Path, change: Any = bytes) -> Path:
    """A cache with the file of machine code, changed."""
    source = kernel_cache._code_path(cache_folder())
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
    assert not any(kernel._entries for kernel in kernels)


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
    assert RANGES["normal32"]._entries


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = MachineCode([b"abc", b""], [EntryPoint("kernel", [1, None], "Pq", "kernel.0")], ["memcpy"])
    write_code(tmp_path / "folder" / "code", code)
    (tmp_path / "folder" / "plain").touch()
    modes = {path.stat().st_mode for path in (tmp_path / "folder").iterdir()}
    assert len(modes) == 1  # others may read what the mask lets them
    assert read_code(tmp_path / "folder" / "code") == code

    for fault in (OSError("no space left"), KeyboardInterrupt()):
        monkeypatch.setattr("os.replace", Mock(side_effect=fault))
        with pytest.raises(type(fault)):
            write_code(tmp_path / "other", code)
        assert [*tmp_path.iterdir()] == [tmp_path / "folder"]


@pytest.mark.parametrize("fault", ["form", "kernels", "symbol"])
def test_a_file_that_lacks_something_is_not_loaded(
    fault: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    code = read_code(kernel_cache._code_path(cache_folder()))
    if fault == "form":
        code = code._replace(entry_points=[(1,)])  # type: ignore[list-item]
    elif fault == "kernels":
        code = code._replace(entry_points=code.entry_points[1:3])
    else:
        code = code._replace(undefined=[*code.undefined, "__no_such_function"])
    write_code(kernel_cache._code_path(tmp_path), code)
    request.getfixturevalue("unlinked")
    assert not load_kernels(tmp_path)


def test_no_trampolines_are_made_for_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert not can_write(tmp_path / "a" / "b" / "code")
    monkeypatch.undo()
    assert can_write(tmp_path / "a" / "b" / "code")
