"""Weights in process: the service's bytes, lazy arrays, light import."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import tensorseed
from tensorseed import weights as module

XAVIER = {
    "seed": 42,
    "layers": [{"name": "weight", "type": "Tensor", "shape": [256, 784], "init": "xavier_uniform"}],
}
DIGEST = "0e8d0fd8ff0d534e95ae5d44132ef80e48fc40548ccfbefeacc0526d572980d3"  # the README's
SPEC: dict[str, Any] = {
    "seed": 7,
    "layers": [
        {"name": "fc", "type": "Linear", "in_features": 24, "out_features": 16},
        {"name": "norm", "type": "BatchNorm1d", "num_features": 16},
        {"name": "cube", "type": "Tensor", "shape": [5, 6, 7], "init": "normal"},
        {"name": "empty", "type": "Tensor", "shape": [3, 0], "init": "normal"},
        {"name": "scalar", "type": "Tensor", "shape": [], "init": "normal"},
    ],
}
CUBE = tensorseed.open(SPEC)["cube"]
WHOLE = np.asarray(CUBE)
DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}


def one(dtype: str, shape: list[int], **top: Any) -> tensorseed.LazyArray:
    entry = {"name": "w", "type": "Tensor", "shape": shape, "init": "normal", "dtype": dtype}
    return tensorseed.open({"layers": [entry], **top})["w"]


def test_the_file_of_the_readme_has_its_digest(tmp_path: Path) -> None:
    weights = tensorseed.open(XAVIER)
    assert weights.digest() == DIGEST
    weights.save(tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_size == weights.size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.safetensors"]


@pytest.mark.parametrize("top", [{}, {"generator": "torch", "layers": SPEC["layers"][:2]}])
def test_the_bytes_token_and_tag_are_the_services(client: Any, tmp_path: Path, top: dict[str, Any]) -> None:
    spec = {**SPEC, **top}
    answer, plan = client.post("/v1/weights", json=spec), client.post("/v1/weights/plan", json=spec).json()
    weights = tensorseed.open(spec)
    weights.save(tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == answer.content
    assert (weights.etag, weights.size, weights.token) == (plan["etag"], plan["size"], plan["token"])
    arrays = safetensors.numpy.load(answer.content)
    assert list(weights) == [tensor["name"] for tensor in plan["tensors"]]
    for name, array in weights.items():
        assert np.array_equal(array, arrays[name])
        assert (array.shape, array.dtype, array.nbytes) == (
            arrays[name].shape,
            arrays[name].dtype,
            arrays[name].nbytes,
        )


def test_a_spec_is_a_dict_a_text_a_path_a_token_or_a_recipe(tmp_path: Path) -> None:
    text, path = json.dumps(SPEC), tmp_path / "spec.json"
    path.write_text(text)
    (tmp_path / "no-suffix").write_text(text)
    expected = tensorseed.open(SPEC)
    for spec in (text, f" {text}", path, str(path), str(tmp_path / "no-suffix"), expected.token):
        assert tensorseed.open(spec).etag == expected.etag
    assert len(tensorseed.open("tensorseed/tiny-llama")) > 10


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ({"layers": [{"name": "w", "type": "Nonsense"}]}, tensorseed.SpecError, "unknown layer type"),
        ("{", tensorseed.SpecError, "JSON"),
        ("s1.AAAA", tensorseed.UnknownNameError, "token"),
        ("tensorseed/nonsense", tensorseed.UnknownNameError, "no file, no token and no id"),
        ("x" * 5_000, tensorseed.UnknownNameError, "no file, no token and no id"),
        ("nowhere.json", FileNotFoundError, "nowhere.json"),
    ],
)
def test_what_is_no_spec_is_refused(spec: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        tensorseed.open(spec)


def test_it_is_a_mapping() -> None:
    weights = tensorseed.open(SPEC)
    assert len(weights) == len(list(weights)) == 10
    assert "fc.weight" in weights
    assert "nonsense" not in weights
    assert weights.get("nonsense") is None
    with pytest.raises(KeyError, match="nonsense"):
        weights["nonsense"]
    assert repr(weights) == f"Weights(10 tensors, {weights.size:,} bytes, etag={weights.etag})"
    assert repr(CUBE) == "LazyArray('cube', shape=(5, 6, 7), dtype=float32)"
    assert (len(CUBE), CUBE.ndim, CUBE.size) == (5, 3, 210)
    with pytest.raises(TypeError, match="without dimensions"):
        len(weights["scalar"])


parts = st.integers(-5, 4) | st.slices(7)


@given(st.lists(parts, max_size=3).map(tuple) | parts)
def test_an_index_reads_what_numpy_reads(index: Any) -> None:
    assert np.array_equal(CUBE[index], WHOLE[index])


@pytest.mark.parametrize(
    "index",
    [
        ...,
        (..., 0),
        (0, ..., slice(1, 3)),
        (),
        None,
        (None, 0),
        [1, 3, 1],
        np.array([4, 0]),
        (slice(None), [1, 2], 0),
        WHOLE > 0,
        np.int64(2),
        True,
    ],
    ids=repr,
)
def test_every_other_index_reads_the_whole_tensor(index: Any) -> None:
    assert np.array_equal(CUBE[index], WHOLE[index])


@pytest.mark.parametrize("index", [5, -6, (0, 0, 7), (0, 0, 0, 0), (..., ...), (0, ..., 0, 0, 0)])
def test_an_index_that_does_not_fit_is_refused(index: Any) -> None:
    with pytest.raises(IndexError):
        CUBE[index]


def test_tensors_without_elements_or_dimensions() -> None:
    weights = tensorseed.open(SPEC)
    assert weights["empty"][1:].shape == (2, 0)
    assert np.asarray(weights["scalar"]).shape == ()
    assert weights["scalar"][()] == np.asarray(weights["scalar"])


def test_a_slice_costs_what_it_selects() -> None:
    huge = one("float32", [1 << 23, 1 << 24])
    assert huge[-1, -3:].shape == (3,)
    assert huge[7, :: 1 << 14].size == 1 << 10
    corners = huge[:: (1 << 23) - 1, :: -(1 << 24) + 1]
    assert corners.shape == (2, 2)
    assert corners[0, 1] == huge[0, 0]
    assert corners[1, 0] == huge[-1, -1]


def test_large_arrays_are_computed_on_all_threads() -> None:
    large = one("float64", [300, 2_000])
    whole = np.asarray(large)
    assert whole.std() == pytest.approx(1, rel=0.01)
    assert np.array_equal(large[3], whole[3])
    assert np.array_equal(large[:, 7:1999], whole[:, 7:1999])
    assert np.array_equal(large[::-1, ::2], whole[::-1, ::2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(dtype: str) -> None:
    array, exact = one(dtype, [500]), np.asarray(one("float64", [500]))
    assert array.dtype == DTYPES[dtype]
    values = array[...].astype(np.float64)
    assert np.allclose(values, np.asarray(one("float32", [500])), rtol=0.13, atol=0.02) or dtype == "float64"
    assert (dtype != "float64") or np.array_equal(values, exact)
    assert array.bits.dtype == np.dtype(f"u{array[...].itemsize}")
    assert np.array_equal(array.bits[3:5], array[3:5].view(array.bits.dtype))
    assert repr(array.bits) == f"LazyArray('w', shape=(500,), dtype=bits of {dtype})"


def test_a_dtype_that_numpy_lacks_is_refused_without_ml_dtypes() -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import tensorseed\n"
        "entry = {'name': 'w', 'type': 'Tensor', 'shape': [3], 'init': 'normal', 'dtype': 'bfloat16'}\n"
        "array = tensorseed.open({'layers': [entry]})['w']\n"
        "print(array, array.bits[0] > 0)\n"
        "try:\n    array[0]\nexcept tensorseed.UnrepresentableError as error:\n    print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.splitlines() == [
        "LazyArray('w', shape=(3,), dtype=bfloat16) True",
        "numpy has no bfloat16: install ml_dtypes, or read the bits of the array, .bits[...]",
    ]


def test_an_array_is_never_a_view() -> None:
    assert np.asarray(CUBE, np.float64).dtype == np.float64
    assert np.array(CUBE, copy=True).base is not WHOLE
    with pytest.raises(ValueError, match="without a copy"):
        np.array(CUBE, copy=False)


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w"
    path.write_text("old")
    weights = tensorseed.open(SPEC)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        weights.save(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
    with pytest.raises(FileNotFoundError):
        weights.save(tmp_path / "nowhere" / "w")


def test_a_device_that_this_host_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.devices.registry.Devices.accelerators", lambda _: [])
    array = one("float32", [3], generator="torch", device="cuda")
    with pytest.raises(tensorseed.DeviceError, match="no device 'cuda'"):
        array[0]


def test_importing_it_imports_nothing_else() -> None:
    heavy = ["numba", "torch", "jax", "numpy", "pydantic", "httpx", "click", "fastapi", "orjson", "rich"]
    code = f"import sys, tensorseed; print([m for m in {heavy} if m in sys.modules], dir(tensorseed))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.startswith("[] [")
    assert all(f"'{name}'" in found for name in tensorseed.__all__)


def test_opening_a_spec_imports_no_torch_and_no_http() -> None:
    heavy = ["torch", "jax", "httpx", "click", "fastapi", "rich"]
    opened = "import sys, tensorseed; tensorseed.open({'layers': []})"
    code = f"{opened}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "[]\n"


def test_every_public_name_is_there_and_no_other() -> None:
    for name in tensorseed.__all__:
        assert getattr(tensorseed, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        tensorseed.nonsense  # noqa: B018


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
