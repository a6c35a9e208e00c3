"""Virtual file against the reference writer and reader, and its ranges."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.errors import SliceError, UnknownNameError
from tensorseed.files.elements import DrawnElements
from tensorseed.files.slices import parse_slice
from tensorseed.files.virtual_file import (
    BLOCK,
    VirtualFile,
    file_header,
    open_file,
    open_slice,
)
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import executors, tensor_arrays

EXECUTORS = dict(executors())
KINDS = [
    "zeros",
    "ones",
    "normal",
    "trunc_normal",
    {"kind": "uniform", "a": -1, "b": 1},
    {"kind": "constant", "value": 0.3},
]


def file_of(*layers: dict, **top) -> VirtualFile:
    return open_file(parse_spec(json.dumps({"layers": list(layers), **top}).encode(), Limits()))


def tensor(name: str, shape: list[int], init="normal", **more) -> dict:
    return {"name": name, "type": "Tensor", "shape": shape, "init": init, **more}


def content(file: VirtualFile, start: int = 0, stop: int | None = None) -> bytes:
    return file.read(start, file.size if stop is None else stop).tobytes()


MIXED = file_of(
    tensor("b.weight", [5, 9], dtype="bfloat16"),
    tensor("a.weight", [5, 9], dtype="bfloat16"),
    tensor("größe", [7], {"kind": "uniform"}, dtype="float8_e4m3fn"),
    tensor("odd", [3], {"kind": "uniform"}, dtype="float8_e5m2"),
    tensor("half", [3, 1, 5], "xavier_normal", dtype="float16"),
    tensor("double", [11], dtype="float64"),
    tensor("scalar", [], "ones"),
    tensor("empty", [0, 4], "xavier_uniform"),
    {"name": "norm", "type": "BatchNorm1d", "num_features": 3},
    {"name": "fc", "type": "Linear", "in_features": 6, "out_features": 3},
    seed=7,
)


def test_the_reference_reader_reads_it():
    loaded = safetensors.torch.load(content(MIXED))
    assert set(loaded) == {entry.tensor.name for entry in MIXED.entries()}
    for entry in MIXED.entries():
        read = loaded[entry.tensor.name]
        assert tuple(read.shape) == entry.tensor.shape
        assert str(read.dtype) == f"torch.{entry.tensor.dtype.name}"
        assert read.reshape(-1).view(torch.uint8).numpy().tobytes() == content(MIXED, entry.start, entry.stop)


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_without_a_recipe_it_is_what_the_reference_writer_writes(metadata):
    loaded = safetensors.torch.load(content(MIXED))
    reference = safetensors.torch.save(loaded, metadata=metadata)
    ours = file_header(MIXED.resolved.tensors, metadata) + content(MIXED, len(MIXED.header))
    assert ours == reference


def test_the_header_is_aligned_and_tells_the_recipe_in_a_fixed_order():
    length = int.from_bytes(MIXED.header[:8], "little")
    assert len(MIXED.header) == 8 + length
    assert length % 8 == 0
    metadata = json.loads(MIXED.header[8:])["__metadata__"]
    assert list(metadata) == ["format", "tensorseed.stream", "tensorseed.recipe"]
    assert metadata["format"] == "pt"
    assert metadata["tensorseed.stream"] == "1"
    again = open_file(parse_spec(metadata["tensorseed.recipe"].encode(), Limits()))
    assert content(again) == content(MIXED)


def test_a_file_without_tensors_is_valid():
    assert safetensors.torch.load(content(file_of())) == {}


@given(data=st.data())
def test_any_partition_into_ranges_concatenates_to_the_file(data):
    whole = content(MIXED)
    cuts = sorted(data.draw(st.lists(st.integers(0, MIXED.size), max_size=12)))
    source = DrawnElements(MIXED.resolved, EXECUTORS[data.draw(st.sampled_from(list(EXECUTORS)))])
    edges = [0, *cuts, MIXED.size]
    parts = [MIXED.read(a, b, source).tobytes() for a, b in pairwise(edges)]
    assert b"".join(parts) == whole


@given(data=st.data())
def test_any_slice_is_the_slice_of_the_whole(data):
    shape = data.draw(st.lists(st.integers(0, 9), max_size=4))
    dtype = data.draw(st.sampled_from(["float64", "float32", "bfloat16", "float8_e5m2"]))
    file = file_of(tensor("w", shape, data.draw(st.sampled_from(KINDS)), dtype=dtype))
    whole = tensor_arrays(file)[0][1]
    bounds = [sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))) for n in shape]
    sliced = open_slice(file, "w", ",".join(f"{a}:{b}" for a, b in bounds))
    expected = whole[tuple(slice(a, b) for a, b in bounds)]
    assert np.array_equal(tensor_arrays(sliced)[0][1], expected)
    assert tuple(safetensors.torch.load(content(sliced))["w"].shape) == expected.shape
    start = data.draw(st.integers(0, sliced.size))
    stop = data.draw(st.integers(start, sliced.size))
    assert content(sliced, start, stop) == content(sliced)[start:stop]


@pytest.mark.parametrize(
    "text", ["100:300,:", "3:4,1:1999", ":,1990:1995", "-5:,-2000:", "::", ":,:,:", "5:4", "x", "0:500"]
)
def test_slices_with_long_runs_and_slices_that_do_not_fit(text):
    file = file_of(tensor("w", [400, 2000]))
    whole = tensor_arrays(file)[0][1]
    boxes: dict[str, Any] = {
        "100:300,:": np.s_[100:300],
        "3:4,1:1999": np.s_[3:4, 1:1999],
        ":,1990:1995": np.s_[:, 1990:1995],
        "-5:,-2000:": np.s_[-5:],
    }
    box = boxes.get(text)
    if box is None:
        with pytest.raises(SliceError):
            open_slice(file, "w", text)
    else:
        assert np.array_equal(tensor_arrays(open_slice(file, "w", text))[0][1], whole[box])


def test_spellings_of_one_slice_are_one_file():
    file = file_of(tensor("w", [4, 6]))
    digests = {
        open_slice(file, "w", text).digest for text in ("1:3", "1:3,:", "1:3,0:6", "-3:-1,-6:", "1:-1")
    }
    assert len(digests) == 1
    assert str(parse_slice("1:", (4, 6))) == "1:4,0:6"
    with pytest.raises(UnknownNameError):
        open_slice(file, "v", ":")


names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"], exclude_characters="{}"),
    min_size=1,
    max_size=8,
)
entries = st.builds(
    tensor,
    names.filter(lambda name: name != "__metadata__"),
    st.lists(st.integers(0, 5), max_size=3),
    st.sampled_from(KINDS),
    dtype=st.sampled_from([name for name in TENSOR_DTYPES if name not in ("int64", "bool")]),
)
specs = st.lists(entries, max_size=6, unique_by=lambda entry: entry["name"])


@given(specs, st.integers(0, 2**64 - 1))
def test_every_file_loads(layers, seed):
    loaded = safetensors.torch.load(content(file_of(*layers, seed=seed)))
    assert {name: list(t.shape) for name, t in loaded.items()} == {e["name"]: e["shape"] for e in layers}


@given(specs, st.randoms(use_true_random=False))
def test_adding_removing_and_reordering_change_no_other_tensor(layers, random):
    before = {t.name: a for t, a in tensor_arrays(file_of(*layers))}
    kept = random.sample(layers, random.randint(0, len(layers)))
    added = tensor("x" * 20, [3])
    after = {t.name: a for t, a in tensor_arrays(file_of(*kept, added))}
    assert set(after) == {entry["name"] for entry in kept} | {"x" * 20}
    for entry in kept:
        assert np.array_equal(before[entry["name"]], after[entry["name"]], equal_nan=True)


@given(specs, specs)
def test_equal_digests_mean_equal_bytes_and_different_specs_differ(one, other):
    first, second = file_of(*one), file_of(*other)
    assert (first.digest == second.digest) == (content(first) == content(second))
    assert (first.digest == second.digest) == (first.resolved.recipe == second.resolved.recipe)


TEBIBYTE = file_of(tensor("blocks.{0..511}.weight", [1 << 14, 1 << 15]))


def test_a_tebibyte_is_read_at_any_offset():
    assert TEBIBYTE.size == (1 << 40) + len(TEBIBYTE.header)
    entry = TEBIBYTE.entries()[300]
    middle = entry.start + 123_456_789
    piece = content(TEBIBYTE, middle, middle + 100)
    row = middle - entry.start
    assert piece == content(TEBIBYTE, middle - row % 4, middle + 104)[row % 4 :][:100]
    first = row // 4 // (1 << 15)
    one_row = open_slice(TEBIBYTE, entry.tensor.name, f"{first}:{first + 1}")
    offset = row - first * (1 << 17)
    assert content(one_row)[len(one_row.header) :][offset : offset + 100] == piece


def test_reading_costs_what_is_read_and_not_what_lies_before():
    """Counted in elements drawn, not in seconds."""

    class Counting(CompiledExecutor):
        drawn = 0

        def draw(self, what, dtype, key, blocks, out):
            Counting.drawn += out.size
            super().draw(what, dtype, key, blocks, out)

    for start in (len(TEBIBYTE.header), TEBIBYTE.size // 2 + 1, TEBIBYTE.size - (1 << 20)):
        Counting.drawn = 0
        TEBIBYTE.read(start, start + (1 << 20), DrawnElements(TEBIBYTE.resolved, Counting()))
        assert Counting.drawn <= (1 << 18) + 8


def test_a_hundred_thousand_tensors_are_laid_out_without_holes():
    file = file_of(tensor("t{0..99999}", [3], dtype="float16"))
    offset = len(file.header)
    for entry in file.entries():
        assert entry.start == offset
        offset = entry.stop
    assert offset == file.size == len(file.header) + 600_000
    assert math.isclose(
        np.frombuffer(content(file, len(file.header)), np.float16).astype(float).std(), 1, rel_tol=0.02
    )


@given(data=st.data())
def test_a_range_is_widened_to_whole_blocks_and_no_further(data):
    file = file_of(
        {"name": "a", "type": "Tensor", "shape": [7], "init": "normal", "dtype": "float64"},
        {"name": "b", "type": "Tensor", "shape": [data.draw(st.integers(0, 3))], "init": "normal"},
        {"name": "c", "type": "Tensor", "shape": [41], "init": "normal", "dtype": "bfloat16"},
    )
    start = data.draw(st.integers(0, file.size))
    stop = data.draw(st.integers(start, file.size))
    first, last = file.around(start, stop)
    assert start - BLOCK < first <= start <= stop <= last < stop + BLOCK
    for entry in file.entries():
        for end in (first, last):
            cut = entry.start < end < entry.stop and (end - entry.start) % BLOCK
            assert not cut or start == stop
    if start < len(file.header):
        assert first == start
