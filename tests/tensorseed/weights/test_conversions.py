"""Conversions of weights to numpy, torch and jax: the file's bits."""

from __future__ import annotations

import doctest
import json
import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.torch
import torch

import tensorseed
from tensorseed.sampling.dtypes import TENSOR_DTYPES
from tensorseed.weights import base, lazy_array
from tests.tensorseed.weights.specs import SPEC

FLOATS = [name for name in TENSOR_DTYPES if name not in ("int64", "bool")]
EVERY_DTYPE: dict[str, Any] = {
    "seed": 3,
    "layers": [
        *SPEC["layers"],
        *(
            {"name": f"{init}.{dtype}", "type": "Tensor", "shape": [129, 65], "init": init, "dtype": dtype}
            for dtype in FLOATS
            for init in ("normal", "uniform", "trunc_normal", "orthogonal")
        ),
        {"name": "large", "type": "Tensor", "shape": [3, 700_001], "init": "normal", "dtype": "bfloat16"},
    ],
}
TORCH = {"generator": "torch", "layers": SPEC["layers"]}


@pytest.fixture(scope="module", params=[EVERY_DTYPE, TORCH], ids=["philox", "torch"])
def opened(request: Any, tmp_path_factory: Any) -> tuple[tensorseed.Weights, bytes]:
    """Weights, and their file."""
    weights = tensorseed.open(request.param)
    path = tmp_path_factory.mktemp("weights") / "file"
    weights.save(path)
    return weights, path.read_bytes()


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.cpu().reshape(-1).view(torch.uint8).numpy().tobytes()


def test_arrays_of_numpy_are_the_files(opened: Any) -> None:
    weights, content = opened
    arrays, expected = weights.numpy(), safetensors.torch.load(content)
    assert list(arrays) == list(weights)
    for name, array in arrays.items():
        assert (array.shape, f"torch.{array.dtype.name}") == (expected[name].shape, str(expected[name].dtype))
        assert array.tobytes() == bits(expected[name])
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_a_state_dict_of_torch_is_the_files(opened: Any) -> None:
    weights, content = opened
    tensors, expected = weights.torch(), safetensors.torch.load(content)
    assert list(tensors) == list(weights)
    for name, tensor in tensors.items():
        assert (tensor.shape, tensor.dtype) == (expected[name].shape, expected[name].dtype)
        assert bits(tensor) == bits(expected[name])
        assert tensor.is_contiguous()
        assert tensor.data_ptr() % 64 == 0 or not tensor.numel()
        assert bits(weights[name].torch()) == bits(tensor)
        tensor.zero_()  # memory of its own, which can be written


def test_a_state_dict_fits_its_module() -> None:
    module = torch.nn.Linear(24, 16)
    spec = {"layers": [{"name": "fc", "type": "Linear", "in_features": 24, "out_features": 16}]}
    state = tensorseed.open(spec).torch("cpu")
    module.load_state_dict({name.removeprefix("fc."): tensor for name, tensor in state.items()})
    assert torch.equal(module.weight, state["fc.weight"])


def test_torch_needs_no_package_for_its_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    tensor = tensorseed.open(EVERY_DTYPE).torch()["normal.float8_e5m2"]
    assert tensor.dtype == torch.float8_e5m2


def test_bits_of_a_tensor_are_unsigned() -> None:
    array = tensorseed.open(EVERY_DTYPE)["normal.bfloat16"]
    assert array.bits.torch().dtype == torch.uint16
    assert bits(array.bits.torch()) == bits(array.torch())


def test_tensors_of_the_meta_device_compute_nothing() -> None:
    entry = {"name": "w", "type": "Tensor", "shape": [1 << 20, 1 << 20], "init": "normal"}
    assert tensorseed.open({"layers": [entry]}).torch("meta")["w"].is_meta


def test_draws_of_a_device_are_the_processors(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, _ = opened
    monkeypatch.setattr("tensorseed.files.device_filling.DRAWING", {"cpu"})
    for name, expected in weights.numpy().items():
        out = torch.empty(expected.shape, dtype=getattr(torch, expected.dtype.name))
        weights._fill_tensor(name, out)
        assert bits(out) == expected.tobytes()


def test_another_device_gets_copies(opened: Any) -> None:
    weights, _ = opened
    for name in ("fc.weight", "scalar", "empty"):
        out = torch.empty(weights[name].shape)
        base.Weights._fill_tensor(weights, name, out)
        assert bits(out) == weights[name].bits[...].tobytes()


@pytest.mark.parametrize("device", ["nonsense", torch.device("cuda:99")], ids=str)
def test_a_device_that_torch_lacks_is_refused(device: Any) -> None:
    weights = tensorseed.open(SPEC)
    for convert in (weights.torch, weights["scalar"].torch):
        with pytest.raises(tensorseed.DeviceError, match=f"no device '{device}' on this host: "):
            convert(device)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_conversion_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    weights = tensorseed.open(SPEC)
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "tensorseed.weights.jax_arrays", raising=False)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'tensorseed\[{name}\]'"):
        getattr(weights, name)()


def test_given_arrays_are_filled() -> None:
    weights = tensorseed.open(SPEC)
    shared = np.zeros((2, 5, 6, 7), np.float32)
    weights.fill({"cube": shared[1]})
    assert np.array_equal(shared, [np.zeros((5, 6, 7)), weights["cube"]])


@pytest.mark.parametrize(
    "array",
    [np.empty((5, 7, 6), np.float32), np.empty((5, 6, 7)), np.empty((7, 6, 5), np.float32).T],
    ids=["shape", "dtype", "strides"],
)
def test_an_array_that_does_not_fit_is_refused(array: Any) -> None:
    with pytest.raises(tensorseed.TensorError, match=r"'cube' has to be .*\(5, 6, 7\) and dtype float32"):
        tensorseed.open(SPEC).fill({"cube": array})
    with pytest.raises(tensorseed.UnknownNameError, match="nonsense"):
        tensorseed.open(SPEC).fill({"nonsense": array})


@pytest.fixture
def wide() -> Iterator[None]:
    """64-bit dtypes of jax."""
    with jax.enable_x64(True):
        yield


def test_arrays_of_jax_are_the_files(wide: None) -> None:
    weights = tensorseed.open(EVERY_DTYPE)
    arrays = weights.jax()
    assert list(arrays) == list(weights)
    for name, expected in weights.numpy().items():
        assert isinstance(arrays[name], jax.Array)
        assert (arrays[name].shape, arrays[name].dtype) == (expected.shape, expected.dtype)
        assert np.asarray(arrays[name]).tobytes() == expected.tobytes()


def test_sharded_arrays_of_jax_are_the_files() -> None:
    mesh = jax.make_mesh((1,), ("x",))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    spec = {"layers": [{"name": "fc", "type": "Linear", "in_features": 24, "out_features": 16}]}
    weights = tensorseed.open(spec)
    for shardings in (split, {"fc.weight": split, "fc.bias": split}):
        arrays = weights.jax(shardings)
        for name, expected in weights.numpy().items():
            assert arrays[name].sharding == split
            assert np.asarray(arrays[name]).tobytes() == expected.tobytes()
    with pytest.raises(KeyError, match=r"shardings lacks 'fc\.bias'"):
        weights.jax({"fc.weight": split})
    with pytest.raises(KeyError, match=r"shardings names 'zz', which is no tensor"):
        weights.jax({"fc.weight": split, "fc.bias": split, "zz": None})


def test_a_dtype_that_jax_would_narrow_is_refused() -> None:
    with pytest.raises(tensorseed.UnrepresentableError, match=r"jax_enable_x64"):
        tensorseed.open(EVERY_DTYPE).jax()


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        EVERY_DTYPE,
        TORCH,
        {"layers": []},
        {"layers": [{"name": "b.{0..9}", "type": "Linear", "in_features": 3, "out_features": 1}]},
        {"layers": [{"name": "w", "type": "Tensor", "shape": [4, 4], "init": "zeros"}]},
        {
            "layers": [
                {"name": "w", "type": "Tensor", "shape": [2], "init": {"kind": "values", "data": [1.5, -2]}}
            ]
        },
    ],
    ids=["layers", "dtypes", "torch", "empty", "many", "warnings", "values"],
)
def test_the_plan_is_the_services(client: Any, spec: dict[str, Any]) -> None:
    assert tensorseed.open(spec).plan() == client.post("/v1/weights/plan", json=spec).json()


def test_the_plan_warns_of_a_missing_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.devices.registry.Devices.accelerators", lambda _: [])
    plan = tensorseed.open({**TORCH, "device": "cuda"}).plan()
    (warning,) = plan["warnings"]
    assert (warning["code"], warning["tensor"]) == ("device", None)
    assert warning["detail"].startswith("this host has no device 'cuda'")
    json.dumps(plan)


@pytest.mark.parametrize("module", [base, lazy_array])
def test_the_examples_of_the_docstrings(module: Any) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
