"""Sources of elements: ranges, selections, and the one of a spec."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import tensorseed
from tensorseed.files.elements import (
    TENSOR_OVERHEAD_BYTES,
    DrawnElements,
    MaterialisedElements,
    Parts,
    element_source,
)
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.executors import range_batches
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec


def spec(**top: Any) -> ResolvedSpec:
    layers = [{"name": name, "type": "Tensor", "shape": [9], "init": "normal"} for name in ("t0", "t1")]
    return parse_spec(json.dumps({"layers": layers, **top}).encode(), Limits())


def test_ranges_and_selections_of_what_is_materialised():
    whole = MaterialisedElements({f"t{i}": np.arange(size, dtype=np.uint8) for i, size in enumerate([5, 9])})
    tensor, out = spec().tensors[1], np.empty(3, np.uint8)
    whole.fill(tensor, 4, out)
    assert out.tolist() == [4, 5, 6]
    whole.gather(tensor, np.array([8, 0, 3]), out)
    assert out.tolist() == [8, 0, 3]
    assert whole.nbytes == 14 + 2 * TENSOR_OVERHEAD_BYTES


@pytest.mark.parametrize("generator", ["philox", "torch"])
def test_a_selection_has_the_elements_of_the_range(generator: str):
    resolved = spec(generator=generator)
    source, tensor = element_source(resolved), resolved.tensors[1]
    whole, chosen = np.empty(9, np.float32), np.empty(3, np.float32)
    source.fill(tensor, 0, whole)
    source.gather(tensor, np.array([8, 0, 3]), chosen)
    assert chosen.tolist() == whole[[8, 0, 3]].tolist()
    assert whole.std() > 0.1
    assert isinstance(source, MaterialisedElements if generator == "torch" else DrawnElements)


def test_a_file_of_generator_torch_is_not_drawn_by_philox():
    resolved = spec(generator="torch")
    with pytest.raises(AssertionError):
        DrawnElements(resolved).fill(resolved.tensors[0], 0, np.empty(3, np.float32))


SEEDED = [
    {"name": "a.{0..9}", "type": "Tensor", "shape": [9], "init": "normal"},
    {"name": "b.{0..9}", "type": "Tensor", "shape": [9], "init": "normal", "seed": 5},
    {"name": "q", "type": "Tensor", "shape": [64, 8], "init": "orthogonal", "seed": 5},
    {
        "name": "s",
        "type": "Tensor",
        "shape": [8, 3],
        "init": {"kind": "sparse", "sparsity": 0.5},
        "seed": "5",
    },
    {"name": "fc", "type": "Linear", "in_features": 3, "out_features": 2, "seed": (1 << 64) - 1},
]


def test_an_entrys_seed_draws_what_a_spec_of_that_seed_draws() -> None:
    weights = tensorseed.open({"seed": 3, "layers": SEEDED})
    for entry in SEEDED:
        plain = {name: value for name, value in entry.items() if name != "seed"}
        alone = tensorseed.open({"seed": entry.get("seed", 3), "layers": [plain]})
        for name, array in alone.items():
            assert np.array_equal(weights[name], array), name
            assert np.array_equal(weights[name][1:2], np.asarray(array)[1:2]), name


def test_tensors_of_many_seeds_take_one_call_and_have_the_bits_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers = [
        {"name": f"t{i}", "type": "Tensor", "shape": [9], "init": "normal"} | ({"seed": i} if i % 5 else {})
        for i in range(300)
    ]
    file = open_file(parse_spec(json.dumps({"seed": 3, "layers": layers}).encode(), Limits()))
    calls: list[str] = []
    draw = range_batches._draw

    def counted(seed: int, transform: Any, *others: Any) -> None:
        calls.append(transform)
        draw(seed, transform, *others)

    monkeypatch.setattr(range_batches, "_draw", counted)
    content = file.read(0, file.size).tobytes()
    assert len(calls) == 1
    monkeypatch.undo()
    for entry in file.entries():
        alone = np.empty(9, np.float32)
        DrawnElements(file.resolved).fill(entry.tensor, 0, alone)
        assert content[entry.start : entry.stop] == alone.tobytes(), entry.tensor.name


def test_tensors_of_several_seeds_are_filled_at_once() -> None:
    resolved = parse_spec(json.dumps({"seed": 3, "layers": SEEDED[:2]}).encode(), Limits())
    source = DrawnElements(resolved)
    together = np.empty((20, 9), np.float32)
    addresses = np.array([row.ctypes.data for row in together])
    source.fill_many(Parts(resolved.tensors, np.zeros(20, np.int64), addresses, np.full(20, 9)))
    for tensor, row in zip(resolved.tensors, together, strict=True):
        single = np.empty(9, np.float32)
        source.fill(tensor, 0, single)
        assert np.array_equal(row, single)
        gathered = np.empty((2, 3), np.float32)
        source.fill_runs(tensor, np.array([0, 6]), gathered)
        assert np.array_equal(gathered, single[[[0, 1, 2], [6, 7, 8]]])
