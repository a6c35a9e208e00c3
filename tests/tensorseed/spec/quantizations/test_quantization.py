"""Quantised tensors against a second implementation, and in pieces."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorseed
from tensorseed.errors import SpecError
from tensorseed.files.digests import TensorDigests
from tensorseed.files.elements import DrawnElements
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.distributions import Quantized, quantized
from tensorseed.sampling.distributions.four_bit_encoders import Mxfp4Blocks, Mxfp4Scales
from tensorseed.sampling.executors.tensor import TensorExecutor
from tensorseed.spec.limits import Limits
from tensorseed.spec.names import expand
from tensorseed.spec.quantizations import METHODS, quantization_of
from tensorseed.spec.quantizations.stored_parts import ENDS, bound_of
from tensorseed.spec.spec import in_dtype, parse_spec
from tools.reference.quantization import by_one_scale, nvfp4
from tools.reference.quantization import stored as reference

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "specs.json").read_text(encoding="utf-8"))
SPECS = [
    vector["spec"]
    for vector in VECTORS
    if any("quantization" in entry for entry in vector["spec"]["layers"]) and "tensor" not in vector
]
NORMAL = {"kind": "normal", "std": 0.02}
EVERY = [
    *("fp8", "fp8_channel", "fp8_tensor", "int8", "mxfp4"),
    {"method": "gptq", "group_size": 32},
    {"method": "awq", "group_size": 32},
    {"method": "int4", "group_size": 32},
    {"method": "fp8", "scale_fmt": "ue8m0"},
    {"method": "fp8", "block_size": "tensor"},
    {"method": "gptq", "group_size": 32, "checkpoint_format": "gptq_v2"},
    *("fp8_block", "nvfp4", "mxfp8"),
    {"method": "int4", "group_size": 32, "symmetric": False},
    {"method": "int8_packed", "group_size": 32},
    {"method": "int8_packed", "group_size": "channel"},
    {"method": "int4", "group_size": "channel"},
    {"method": "int4", "group_size": "channel", "symmetric": False},
]


def entry(name: str, shape: list[int], quantization: Any, **members: Any) -> dict[str, Any]:
    """An entry of a quantised tensor."""
    return {"name": name, "type": "Tensor", "shape": shape, "init": NORMAL, **members} | (
        {} if quantization is None else {"quantization": quantization}
    )


def unquantised(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of the float tensors."""
    plain = copy.deepcopy(spec)
    for one in plain["layers"]:
        del one["quantization"]
    return plain


def method_of(one: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Method and options of an entry."""
    written = one["quantization"]
    return (written, {}) if isinstance(written, str) else (written["method"], written)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(method_of(spec["layers"][0])[0]))
def test_the_vectors_are_what_a_second_implementation_makes_of_the_float_tensors(spec: Any) -> None:
    weights, floats = tensorseed.open(spec), tensorseed.open(unquantised(spec))
    resolved = {tensor.name: tensor for tensor in parse_spec(json.dumps(spec).encode(), Limits()).tensors}
    checked = 0
    for one in spec["layers"]:
        method, options = method_of(one)
        for name in expand(one["name"]):
            x = floats[name].torch().float().numpy()
            ends = [name.removesuffix(end) + own for end, own in quantization_of(one["quantization"]).ends()]
            dtype = floats[name].tensor_dtype.name
            is_whole = options.get("block_size") == "tensor"
            if method == "nvfp4":
                made = resolved[f"{name}_scale"].distribution
                assert isinstance(made, Quantized)
                expected = nvfp4(x, bound_of(made.weights, "", ""))  # type: ignore[arg-type]
            elif method == "fp8_tensor" or is_whole:
                made = resolved[name].distribution
                assert isinstance(made, Quantized)
                scale_dtype = options.get("scale_dtype", "float32") if is_whole else dtype
                expected = by_one_scale(x, scale_dtype, bound_of(made.weights, "", ""))  # type: ignore[arg-type]
                expected[1] = expected[1].reshape(() if is_whole else 1)
            else:
                expected = reference(x, dtype, method, options)
            for stored, numbers in zip(ends, expected, strict=True):
                bits = np.asarray(weights[stored].bits)
                assert bits.shape == numbers.shape
                assert np.array_equal(bits, numbers.astype(bits.dtype)), stored
                checked += 1
    assert checked == len(weights)


@pytest.mark.parametrize("quantization", EVERY, ids=str)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_range_and_selection_has_the_bits_of_the_whole(
    quantization: Any, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantized, "TILE", 700)
    monkeypatch.setattr(quantized, "RUN", 40)
    spec = {"seed": 3, "layers": [entry("a.weight", [224, 160], quantization, dtype=dtype)]}
    resolved = parse_spec(json.dumps(spec).encode(), Limits())
    file = open_file(resolved)
    monkeypatch.undo()
    whole = file.read(0, file.size)
    monkeypatch.setattr(quantized, "TILE", 700)
    monkeypatch.setattr(quantized, "RUN", 40)
    random = np.random.default_rng(5)
    for _ in range(12):
        start, stop = sorted(random.integers(0, file.size, 2).tolist())
        assert np.array_equal(file.read(start, stop), whole[start:stop])
    source, torch_source = DrawnElements(resolved), DrawnElements(resolved, TensorExecutor("cpu"))
    for one in file.entries():
        stored = whole[one.start : one.stop].view(one.tensor.dtype.storage)
        chosen = random.integers(0, stored.size, 25)
        found = np.empty(25, stored.dtype)
        source.gather(one.tensor, chosen, found)
        assert np.array_equal(found, stored[chosen])
        count = min(stored.size, 900)
        drawn = np.empty(count, stored.dtype)
        torch_source.fill(one.tensor, 0, drawn)
        assert np.array_equal(drawn, stored[:count])


def test_mxfp4_takes_numbers_of_any_exponent() -> None:
    random = np.random.default_rng(7)
    exponents = random.integers(-149, 128, (8, 1, 20)) - random.integers(0, 8, (8, 32, 20))
    x = np.ldexp(random.uniform(-1, 1, exponents.shape), exponents).astype(np.float32)
    edges = np.float32(6) * np.float32(2) ** np.arange(-149, 126, dtype=np.float32)
    x[:, 5, :4] = np.nextafter(random.choice(edges, (8, 4)), np.float32([0, np.inf, 0, np.inf]))
    x[:, 5, 4:8] = -random.choice(edges, (8, 4))
    x[3, :, 9], x[4, :, 10] = 0, -1e-45
    x[4, 7, 10] = np.finfo(np.float32).max
    floats = x.reshape(256, 20)
    blocks, scales = reference(floats, "float32", "mxfp4", {})
    assert np.array_equal(Mxfp4Scales(32).encode(floats).T, scales)
    assert np.array_equal(Mxfp4Blocks(32).encode(floats).T, blocks.reshape(20, 128))


def test_a_matrix_of_many_keeps_its_bits_among_them() -> None:
    spec = {"seed": 3, "layers": [entry("a", [3, 64, 40], "mxfp4")]}
    weights = tensorseed.open(spec)
    blocks = np.asarray(weights["a_blocks"])
    assert np.array_equal(np.asarray(weights["a_blocks"][2, 7:9, 1:]), blocks[2, 7:9, 1:])
    assert np.array_equal(np.asarray(weights["a_scales"][1:]), np.asarray(weights["a_scales"])[1:])


@pytest.mark.parametrize("quantization", EVERY, ids=str)
def test_one_token_whatever_the_spelling(quantization: Any) -> None:
    written: dict[str, Any] = {"method": quantization} if isinstance(quantization, str) else quantization
    defaults: dict[str, Any] = {
        "fp8": {"block_size": [128, 128], "scale_dtype": "float32"},
        "gptq": {"checkpoint_format": "gptq"},
    }.get(written["method"], {})
    specs = [
        {"seed": 3, "layers": [entry(name, [64, 64], form) for name in names]}
        for form in (quantization, written, defaults | written)
        for names in (["h.{0..1}.weight"], ["h.1.weight", "h.0.weight"])
    ]
    recipes = {parse_spec(json.dumps(spec).encode(), Limits()).recipe for spec in specs}
    assert len(recipes) == 1
    recipe = recipes.pop()
    assert parse_spec(recipe.encode(), Limits()).recipe == recipe
    assert "h.{0..1}.weight" in recipe


def test_a_plan_computes_nothing_and_knows_every_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a weight was drawn")

    monkeypatch.setattr(Quantized, "fill", never)
    monkeypatch.setattr(Quantized, "gather", never)
    spec = {"layers": [entry(f"m.{i}.weight", [4096, 8192], one) for i, one in enumerate(METHODS)]}
    weights = tensorseed.open(spec)
    rows = weights.plan()["tensors"]
    assert len(rows) == 2 * 5 + 4 + 3 + 3 + 2 + 3 + 3 + 2
    assert all(row["mean"] is None for row in rows if row["dtype"] in ("float8_e4m3fn", "int8", "uint8"))


def test_another_dtype_is_that_of_the_weights() -> None:
    spec = {"seed": 3, "layers": [entry("a.weight", [32, 32], "int8", dtype="bfloat16")]}
    resolved = in_dtype(parse_spec(json.dumps(spec).encode(), Limits()), "float16", Limits())
    assert {tensor.name: tensor.dtype.name for tensor in resolved.tensors} == {
        "a.weight": "int8",
        "a.weight_scale": "float16",
    }


def test_a_digest_is_taken_in_chunks_of_any_size() -> None:
    file = open_file(
        parse_spec(json.dumps({"layers": [entry("a.weight", [300, 500], "fp8")]}).encode(), Limits())
    )
    digests = []
    for size in (file.size, 1_000):
        running = TensorDigests(file)
        for start in range(0, file.size, size):
            running.update(file.read(start, min(start + size, file.size)).data)
        digests.append(running.result())
    assert digests[0] == digests[1]


def test_costs_grow_with_what_a_number_needs() -> None:
    def seconds(quantization: Any, first: int, count: int) -> float:
        spec = {"layers": [entry("a.weight", [1024, 1024], quantization)]}
        tensor = parse_spec(json.dumps(spec).encode(), Limits()).tensors[-1]
        return tensor.distribution.seconds(tensor.dtype, quantized.Elements(first, count))

    assert seconds("fp8", 0, 1) > 128 * 128 * 1e-9
    assert seconds("fp8", 0, 1 << 20) > 20 * seconds("fp8", 0, 1)
    assert math.isfinite(seconds("mxfp4", 0, 1))


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"quantization": "fp9"}, "/quantization/method", "method must be one of fp8, fp8_channel"),
        ({"quantization": 8}, "/quantization", "must be an object"),
        ({"quantization": {"method": "fp8", "bits": 8}}, "/quantization/bits", "unknown field"),
        (
            {"quantization": {"method": "int8", "group_size": 32}},
            "/quantization/group_size",
            "group_size is an option of gptq and awq",
        ),
        (
            {"quantization": {"method": "fp8", "block_size": [0, 8]}},
            "/quantization/block_size/0",
            "at least 1",
        ),
        (
            {"quantization": {"method": "fp8", "block_size": "tensor", "scale_fmt": "ue8m0"}},
            "/quantization/scale_fmt",
            "no power of two",
        ),
        ({"quantization": {"method": "fp8", "block_size": "row"}}, "/quantization/block_size", "a list"),
        (
            {"quantization": {"method": "awq", "checkpoint_format": "gptq_v2"}},
            "/quantization/checkpoint_format",
            "an option of gptq: leave it out",
        ),
        ({"quantization": "W8A8"}, "/quantization/method", "did you mean int8?"),
        ({"quantization": "w4a16"}, "/quantization/method", "did you mean int4, gptq or awq?"),
        ({"quantization": {"method": "mxfp8a16"}}, "/quantization/method", "did you mean mxfp8?"),
        (
            {"quantization": {"method": "fp8_block", "block_size": "tensor"}},
            "/quantization/block_size",
            "use fp8_tensor",
        ),
        (
            {"quantization": {"method": "gptq", "group_size": "channel"}},
            "/quantization/group_size",
            "int8_packed",
        ),
        (
            {"quantization": {"method": "awq", "symmetric": False}},
            "/quantization/symmetric",
            "option of int4",
        ),
        ({"quantization": {"method": "gptq", "group_size": 12}}, "/quantization/group_size", "multiple of 8"),
        ({"quantization": "gptq", "shape": [64, 100]}, "/shape", "multiple of 128"),
        ({"quantization": "awq", "shape": [60, 128]}, "/shape", "multiple of 8"),
        ({"quantization": "awq", "shape": [2, 64, 128]}, "/shape", "two dimensions"),
        ({"quantization": "mxfp4", "shape": [100, 64]}, "/shape", "multiple of 32"),
        ({"quantization": "fp8", "shape": [64]}, "/quantization", "two or more dimensions"),
        ({"quantization": "fp8", "shape": [64, 0]}, "/quantization", "none of 0"),
        ({"quantization": "fp8", "dtype": "float64"}, "/dtype", "use one of float32, float16, bfloat16"),
        ({"quantization": "fp8", "dtype": "int64", "init": "ones"}, "/dtype", "int64 is not quantised"),
        (
            {"quantization": "fp8_tensor", "init": "orthogonal"},
            "/quantization",
            "constant alone: use fp8_channel",
        ),
        (
            {"quantization": "nvfp4", "init": "orthogonal"},
            "/quantization",
            "constant alone: use mxfp8",
        ),
        (
            {"quantization": {"method": "fp8", "block_size": "tensor"}, "init": "orthogonal"},
            "/quantization",
            "constant alone: use two sizes",
        ),
        ({"quantization": "fp8_channel", "shape": [2, 1 << 21]}, "/quantization", "use fp8"),
        (
            {"quantization": "fp8", "dtype": "float16", "init": {"kind": "normal", "std": 1e4}},
            "/init",
            "overflow float16",
        ),
        *(
            ({"quantization": method, "init": {"kind": "normal", "std": std}, **rest}, "/init", detail)
            for method in ("gptq", "awq")
            for std, detail in ((1e6, "overflow float16"), (1e-8, "vanish in float16"))
            for rest in ({}, {"dtype": "bfloat16"})
        ),
        *(
            (
                {"quantization": method, "dtype": dtype, "init": {"kind": "normal", "std": std}},
                "/init",
                "vanish in",
            )
            for method in ("fp8", "fp8_channel", "fp8_tensor", "int8")
            for dtype, std in (("float16", 1e-6), ("float32", 1e-44))
            if (method, dtype) != ("fp8", "float16")  # whose scales are of float32
        ),
        ({"quantization": "gptq", "init": {"kind": "constant", "value": 1e6}}, "/init", "overflow float16"),
        ({"quantization": "awq", "init": {"kind": "constant", "value": 1e-8}}, "/init", "vanish in"),
        ({"quantization": "gptq", "name": "a.kernel"}, "/name", "replaces .weight"),
    ],
)
def test_a_fault_says_what_to_write(fields: dict[str, Any], pointer: str, detail: str) -> None:
    with pytest.raises(SpecError) as caught:
        tensorseed.open({"layers": [{**entry("a.weight", [64, 128], None), **fields}]})
    (fault,) = caught.value.faults
    assert fault.pointer == f"/layers/0{pointer}"
    assert detail in fault.detail


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("init", ["zeros", {"kind": "normal", "std": 4e-4}, {"kind": "normal", "std": 1e3}])
def test_zeros_and_values_that_scales_can_hold_are_quantised(method: str, init: Any) -> None:
    one = entry("a.weight", [128, 128], method, dtype="float16") | {"init": init}
    assert len(tensorseed.open({"layers": [one]})) == len(ENDS[method])


@pytest.mark.parametrize("spelled", ["FP8", "Fp-8", {"method": "FP8"}, {"method": "fp8"}], ids=str)
def test_spellings_of_a_method_are_one_spec(spelled: Any) -> None:
    texts = [{"layers": [entry("a.weight", [128, 128], one)]} for one in (spelled, "fp8")]
    first, second = (tensorseed.open(text) for text in texts)
    assert first.token == second.token


def test_layers_and_generator_torch_have_no_quantisation() -> None:
    layer = {"name": "fc", "type": "Linear", "in_features": 64, "out_features": 64, "quantization": "fp8"}
    with pytest.raises(SpecError, match="unknown field"):
        tensorseed.open({"layers": [layer]})
    with pytest.raises(SpecError, match="torch quantises nothing"):
        tensorseed.open({"generator": "torch", "layers": [entry("a.weight", [64, 128], "fp8")]})
