"""Estimated costs of a file's bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorseed.files.costs import TENSOR_SECONDS, seconds
from tensorseed.files.virtual_file import VirtualFile, open_file, open_slice
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec


def file_of(*layers: dict[str, Any], **spec: Any) -> VirtualFile:
    named = [{"name": f"w{i}", "type": "Tensor", **layer} for i, layer in enumerate(layers)]
    return open_file(parse_spec(json.dumps({**spec, "layers": named}).encode(), Limits()))


def cost(file: VirtualFile, long_preparation: float = 0.0) -> float:
    return seconds(file, 0, file.size, long_preparation)


SPARSE = {"kind": "sparse", "sparsity": 0.5}
INITS = ["normal", "uniform", "trunc_normal", "ones", "eye", "orthogonal", SPARSE]


@pytest.mark.parametrize("init", [*INITS, "sinusoidal", "rg_lru", "tril", "zeros"], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float8_e5m2"])
def test_more_elements_cost_more(init, dtype):
    small, large = (cost(file_of({"shape": [64, n], "init": init, "dtype": dtype})) for n in (512, 4_096))
    assert 0 < small < large


@pytest.mark.parametrize("init", INITS, ids=str)
def test_the_parts_of_a_tensor_cost_no_less_than_all_of_it(init):
    file = file_of({"shape": [600, 400], "init": init})
    parts = [seconds(file, at, min(at + 10_000, file.size)) for at in range(0, file.size, 10_000)]
    assert sum(parts) > 0.99 * cost(file)


def test_every_tensor_costs_something():
    file = file_of(*[{"shape": [1], "init": "zeros"}] * 100)
    assert cost(file) > 100 * TENSOR_SECONDS


def test_gathered_elements_cost_more_than_a_range():
    whole = file_of({"shape": [1_000, 1_000], "init": "normal"})
    columns, rows = (open_slice(whole, "w0", text) for text in (":,0:10", "0:10,:"))
    assert cost(columns) > 10 * cost(rows)


def test_a_later_row_of_a_square_orthogonal_matrix_takes_more_reflections():
    file = file_of({"shape": [2_000, 2_000], "init": "orthogonal"})
    row = 2_000 * 4
    assert seconds(file, file.size - row, file.size) > 10 * seconds(file, 0, len(file.header) + row)


def test_a_padding_row_costs_as_the_rest():
    plain = {"name": "w", "type": "Embedding", "num_embeddings": 100_000, "embedding_dim": 50}
    files = [
        open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))
        for layer in (plain, {**plain, "padding_idx": 3})
    ]
    assert cost(files[0]) == pytest.approx(cost(files[1]), rel=0.01)


def test_a_preparation_counts_with_the_first_byte_unless_it_is_long():
    file = file_of({"shape": [30_000, 100], "init": "orthogonal"})
    assert cost(file, 1e9) > cost(file) + 0.01
    at = file.size - 1_000
    assert seconds(file, at, file.size, 1e9) == seconds(file, at, file.size)


def test_a_kernel_costs_its_centre():
    kernel = file_of({"shape": [200, 20, 3, 3], "init": "delta_orthogonal"})
    zeros = file_of({"shape": [200, 20, 3, 3], "init": "dirac"})
    assert cost(kernel) > cost(zeros)


def test_what_is_computed_already_costs_a_copy():
    layer = {"shape": [1_000, 1_000], "init": "orthogonal"}
    assert cost(file_of(layer, generator="torch")) < cost(file_of(layer)) / 100
