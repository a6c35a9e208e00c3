"""Filling of host memory: the bits of the file, on any number of threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tensorseed.concurrency.cancellation import ComputationCancelledError, cancellable
from tensorseed.files import filling
from tensorseed.files.elements import DrawnElements
from tensorseed.files.filling import Fill, fill_arrays
from tensorseed.files.virtual_file import VirtualFile, open_slice
from tests.tensorseed.files.test_virtual_file import content, file_of, tensor

MANY = file_of(
    tensor("normal", [300, 70]),
    tensor("bfloat16", [300, 70], dtype="bfloat16"),
    tensor("float16", [7], {"kind": "uniform"}, dtype="float16"),
    tensor("float8", [5001], {"kind": "uniform"}, dtype="float8_e4m3fn"),
    tensor("double", [3001], dtype="float64"),
    tensor("thin", [400, 20], "orthogonal"),
    tensor("square", [40, 40], "orthogonal"),
    tensor("sparse", [50, 33], {"kind": "sparse", "sparsity": 0.3}),
    tensor("zero", [999], "zeros"),
    tensor("third", [999], {"kind": "constant", "value": 1 / 3}, dtype="bfloat16"),
    tensor("scalar", [], "ones"),
    tensor("empty", [0, 4], "zeros"),
    *(tensor(f"small.{i}", [i % 13], "trunc_normal") for i in range(100)),
)
SLICES = ["3:7", "1:300,:", ":,1:", ":,69:", "250:,35:70", "5:5", ":,:0"]


def filled(file: VirtualFile, threads: int) -> dict[str, bytes]:
    fills = [
        Fill(entry.tensor, np.empty(entry.tensor.shape, entry.tensor.dtype.storage), entry.box)
        for entry in file.entries()
    ]
    fill_arrays(fills, DrawnElements(file.resolved), threads)
    return {fill.tensor.name: fill.out.tobytes() for fill in fills}


def expected(file: VirtualFile) -> dict[str, bytes]:
    return {entry.tensor.name: content(file, entry.start, entry.stop) for entry in file.entries()}


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("piece", [(48, 48), (48, 1 << 20), (1_000, 1_000), (1 << 20, 1 << 20)], ids=str)
def test_filled_memory_has_the_bits_of_the_file(
    threads: int, piece: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(filling, "PIECE_BYTES", piece)
    monkeypatch.setattr(filling, "MIN_ALONE_BYTES", 1_000)
    assert filled(MANY, threads) == expected(MANY)


@pytest.mark.parametrize("name", ["normal", "bfloat16"])
@pytest.mark.parametrize("piece", [(64, 64), (64, 1 << 20), (1 << 20, 1 << 20)], ids=str)
@pytest.mark.parametrize("run", [4, 1_024])
def test_a_box_has_the_bits_of_the_slice(
    name: str, piece: tuple[int, int], run: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(filling, "PIECE_BYTES", piece)
    monkeypatch.setattr("tensorseed.sampling.executors.base.MIN_RUN_FILLED", run)
    for text in SLICES:
        file = open_slice(MANY, name, text)
        assert filled(file, 2) == expected(file), text


class Failing(DrawnElements):
    """Elements of which the tensor `small.60` raises an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(MANY.resolved)
        self._error = error

    def fill_many(self, parts):
        if any(tensor.name == "small.60" for tensor in parts.tensors):
            raise self._error
        super().fill_many(parts)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_is_raised_when_no_thread_writes(
    error: BaseException, threads: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(filling, "PIECE_BYTES", (64, 64))
    fills = [
        Fill(entry.tensor, np.empty(entry.tensor.shape, entry.tensor.dtype.storage))
        for entry in MANY.entries()
    ]
    with pytest.raises(type(error)):
        fill_arrays(fills, Failing(error), threads)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("filling")]


def test_a_cancelled_filling_ends():
    fills = [
        Fill(entry.tensor, np.empty(entry.tensor.shape, entry.tensor.dtype.storage))
        for entry in MANY.entries()
    ]
    with cancellable(lambda: True), pytest.raises(ComputationCancelledError):
        fill_arrays(fills, DrawnElements(MANY.resolved), 2)
