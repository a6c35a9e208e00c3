"""Frozen stages of draws, against the reference and every executor."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit

from tensorseed.sampling import (
    compact_wy,
    overloads,  # noqa: F401, without which no transform compiles
    transforms32,
    transforms64,
)
from tensorseed.sampling.distributions import Sinusoidal, TruncNormal
from tensorseed.sampling.distributions.orthogonal import orthogonal_elements
from tensorseed.sampling.distributions.sparse import kept_elements
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.base import formula
from tensorseed.sampling.loops import orthogonal
from tensorseed.sampling.low_precision import narrow
from tensorseed.sampling.philox import Key, Stream, philox4x32, stream_key
from tensorseed.sampling.primitives import Number
from tools import stage_vectors
from tools.reference.normals import bits, real

STAGES = json.loads(stage_vectors.FILE.read_text(encoding="utf-8"))
COMPILED: dict[str, Any] = {}


def drawn(name: str, executor: str, words: list[int], numbers: tuple[Number, ...]) -> list[str]:
    """A formula of words, compiled for scalars or in torch's operations, as the bits of its values."""
    formulas, real_type = (transforms64, np.float64) if name.endswith("64") else (transforms32, np.float32)
    function = getattr(formulas, name)
    if executor == "torch":
        values = function(*(torch.tensor([w], dtype=torch.int64) for w in words), *numbers)
    else:
        if name not in COMPILED:
            COMPILED[name] = njit(lambda *arguments: function(*arguments))
        values = COMPILED[name](*map(np.uint32, words), *numbers)
    values = values if isinstance(values, tuple) else (values,)
    return [bits(real_type(value)) for value in values]


def test_the_stages_are_those_of_the_page():
    assert stage_vectors.text() == stage_vectors.FILE.read_text(encoding="utf-8"), "run make vectors"


@pytest.mark.parametrize("vector", STAGES["keys"], ids=lambda v: f"{v['name']}-{v['purpose']}")
def test_keys(vector):
    found = stream_key(int(vector["seed"]), vector["name"], vector["purpose"])
    assert [f"{word:08x}" for word in found] == vector["words"]


@pytest.mark.parametrize("vector", STAGES["blocks"], ids=lambda v: v["block"])
def test_blocks(vector):
    k0, k1, c2, c3 = (int(word, 16) for word in vector["key"])
    block = int(vector["block"])
    found = philox4x32(block & 0xFFFFFFFF, block >> 32, c2, c3, k0, k1)
    compiled = _compiled_philox(*(np.uint32(n) for n in (block & 0xFFFFFFFF, block >> 32, c2, c3, k0, k1)))
    assert [f"{word:08x}" for word in found] == [f"{int(word):08x}" for word in compiled] == vector["words"]


@njit
def _compiled_philox(c0, c1, c2, c3, k0, k1):
    return philox4x32(c0, c1, c2, c3, k0, k1)


@pytest.mark.parametrize("dtype", stage_vectors.FORMATS)
def test_rounding(dtype):
    values = np.array([real(vector["float32"], "float32") for vector in STAGES["rounding"]])
    width = 2 * DTYPES[dtype].itemsize
    out = np.empty(values.size, DTYPES[dtype].storage)
    narrow(values, DTYPES[dtype], out)
    by_torch = (
        torch.from_numpy(values.copy()).to(getattr(torch, dtype)).view(torch.uint8).numpy().view(out.dtype)
    )
    expected = [vector[dtype] for vector in STAGES["rounding"]]
    assert [f"{code:0{width}x}" for code in out] == [f"{code:0{width}x}" for code in by_torch] == expected


@pytest.mark.parametrize("executor", ["compiled", "torch"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_uniforms_and_normals(precision, executor):
    f, size = getattr(np, precision), precision[-2:]
    for vector in (v for v in STAGES["uniform"] if v["precision"] == precision):
        numbers = (f(0), f(1), f(1))
        given = [int(w, 16) for w in vector["words"]]
        assert drawn(f"uniform{size}", executor, given, numbers) == [vector["u"]]
    for vector in (v for v in STAGES["normal"] if v["precision"] == precision):
        found = drawn(f"normal{size}", executor, [int(w, 16) for w in vector["words"]], (f(0), f(1)))
        assert found == [vector["element0"], vector["element1"]]


@pytest.mark.parametrize("vector", STAGES["minus2log"], ids=lambda v: v["u"])
def test_logarithms(vector):
    formulas = transforms64 if vector["precision"] == "float64" else transforms32
    u = real(vector["u"], vector["precision"])
    found = formulas.minus_two_log(torch.from_numpy(np.array([u])))
    assert bits(found.numpy()[0]) == vector["minus2log"]


@pytest.mark.parametrize("executor", ["compiled", "torch"])
@pytest.mark.parametrize("number", range(len(STAGES["truncated_normal"])))
def test_truncated_normals(number, executor):
    vector = STAGES["truncated_normal"][number]
    dtype = DTYPES[vector["dtype"]]
    normal = TruncNormal(*(float(vector[name]) for name in ("mean", "std", "a", "b")))
    name, numbers = formula(normal, dtype)
    assert (name == "near_trunc_normal32") == vector["near"]
    assert [bits(number) for number in numbers[2:4]] == [vector["low"], vector["high"]]
    found = [str(n) if isinstance(n, int) else bits(n) for n in numbers[4:]]
    assert found == list(vector["constants"].values())
    for word, value in zip(vector["words"], vector["values"], strict=True):
        w = int(word, 16)
        words = [w >> 21, (w << 11) & 0xFFFFFFFF] if dtype.draw == "float64" else [w]
        assert drawn(name, executor, words, numbers) == [value]


@pytest.mark.parametrize("vector", STAGES["permutation"], ids=lambda v: f"{v['rows']}-{v['column']}")
def test_permutations(vector):
    """A row is zero for every number of zeros above its place."""
    rows, column = vector["rows"], vector["column"]
    words = tuple(np.uint32(int(word, 16)) for word in vector["key"])
    columns = column + 1
    elements = np.arange(rows, dtype=np.int64) * columns + column
    kept = np.empty((rows + 1, rows), np.uint8)
    for zeros in range(rows + 1):
        kept_elements(kept[zeros], elements, columns, rows, zeros, words)
    assert kept.sum(axis=0).tolist() == [place + 1 for place in vector["places"]]
    assert sorted(vector["places"]) == list(range(rows))


@pytest.mark.parametrize("vector", STAGES["thin"], ids=lambda v: f"{v['m']}x{v['n']}")
def test_thin_matrices(vector):
    key, m, n = Key(*(int(word, 16) for word in vector["key"])), vector["m"], vector["n"]
    form = compact_wy.prepare(key, m, n)
    assert [bits(value) for value in form.pivots[:n]] == vector["pivots"]
    assert form.signs[:n].tolist() == vector["signs"]
    for column, omega in enumerate(vector["omega"]):
        solved = orthogonal.column(form.packed, column)[: column + 1]
        assert [bits(value) for value in solved] == omega
    tall = orthogonal_elements(key, (m, n), np.arange(m * n)).reshape(m, n)
    wide = orthogonal_elements(key, (n, m), np.arange(m * n)).reshape(n, m)
    assert [[bits(value) for value in row] for row in tall] == vector["elements"]
    if m > n:
        assert (wide == tall.T).all()


@pytest.mark.parametrize("vector", STAGES["not_thin"], ids=lambda v: f"{v['rows']}x{v['columns']}")
def test_other_matrices(vector):
    shape = vector["rows"], vector["columns"]
    key = Key(*(int(word, 16) for word in vector["key"]))
    matrix = orthogonal_elements(key, shape, np.arange(shape[0] * shape[1])).reshape(shape)
    assert [[bits(value) for value in row] for row in matrix] == vector["elements"]


@pytest.mark.parametrize("vector", STAGES["sinusoidal"], ids=lambda v: f"{v['waves']}-{v['i']}-{v['phase']}")
def test_sinusoids(vector):
    waves = vector["waves"]
    what = Sinusoidal(2 * waves, float(vector["max_timescale"]), False, vector["endpoint"])
    element = vector["position"] * 2 * waves + vector["phase"] * waves + vector["i"]
    values = what.elements(Stream(0, "unused"), np.array([element], np.int64))
    assert bits(values[0]) == vector["value"]
