"""LSUV against a calibration in plain torch, and its spec evaluated."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tensorseed
from tensorseed.concurrency.cancellation import ComputationCancelledError
from tensorseed.errors import EvaluationError
from tensorseed.evaluations.calibration import calibrate
from tensorseed.evaluations.network import Deadline
from tensorseed.evaluations.report import Calibration, Report
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.canonical import init_value
from tensorseed.spec.json.text import dump
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import SCHEME_CLASSES
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.evaluations.cases import faults, read, report, reports

LSUV = {"method": "lsuv", "tolerance": 0.002, "max_iterations": 40}
MLP = [
    {"name": "h{1..3}.fc", "type": "Linear", "in_features": 12, "out_features": 12},
    {"name": "h{1..3}.act", "type": "ReLU"},
    {"name": "head", "type": "Linear", "in_features": 12, "out_features": 4,
     "init": {"weight": {"kind": "normal", "std": 0.02}, "bias": {"kind": "uniform", "a": -0.5, "b": 0.5}}},
]  # fmt: skip
CNN = [
    {"name": "conv", "type": "Conv2d", "in_channels": 2, "out_channels": 6, "kernel_size": 3},
    {"name": "norm", "type": "BatchNorm2d", "num_features": 6},
    {"type": "Tanh"},
    {"name": "up", "type": "ConvTranspose2d", "in_channels": 6, "out_channels": 3, "kernel_size": 2},
    {"type": "Dropout", "p": 0.5},
    {"type": "Flatten"},
    {"name": "fc", "type": "Linear", "in_features": 147, "out_features": 5, "init": "kaiming_uniform"},
]
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"layers": MLP, "input": {"shape": [32, 12], "init": "normal"}},
    "cnn": {"layers": CNN, "input": {"shape": [16, 2, 8, 8], "init": {"kind": "uniform", "a": 0, "b": 3}}},
}


def arrays(spec: Any) -> dict[str, Any]:
    return {tensor.name: array for tensor, array in tensor_arrays(open_file(spec))}


def calibrated(document: dict[str, Any]) -> tuple[Report, Calibration]:
    found = report(document)
    assert found.calibration is not None
    return found, found.calibration


def kinds(found: Calibration) -> list[str]:
    return [
        init if isinstance(init, str) else init["kind"] for init in (layer.init for layer in found.layers)
    ]


def merged(document: dict[str, Any], spec: Any) -> dict[str, Any]:
    """The evaluation of an answered spec, whose entries stand in the place of the network's."""
    entries = {entry.pop("name"): entry for entry in json.loads(json.dumps(spec))["layers"]}
    layers: list[Any] = []
    for name in [layer.name for layer in report(document).layers]:
        entry = entries.get(name, {"type": "ReLU"})
        layers.append({"name": name, **{key: value for key, value in entry.items() if key != "dtype"}})
    return {**document, "layers": layers}


def by_hand(document: dict[str, Any]) -> dict[str, float]:
    """The factors of LSUV from orthonormal weights, in plain torch."""
    names = [node.name for node in report(document).layers]
    base = [
        {**entry, "init": {"weight": "orthogonal"}}
        if "in_features" in entry and "init" not in entry
        else entry
        for entry in document["layers"]
        if "in_features" in entry
    ]
    spec = parse_spec(dump({"layers": base}), Limits())
    state = {name: torch.from_numpy(array).double() for name, array in arrays(spec).items()}
    given = [{"name": "input", "type": "Tensor", **document["input"]}]
    x = torch.from_numpy(arrays(parse_spec(dump({"layers": given}), Limits()))["input"]).double()
    factors = {}
    for name in names:
        if f"{name}.weight" not in state:
            x = x.relu()
            continue
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        factor = 1.0
        for _ in range(40):
            y = x @ (factor * weight).T + bias
            if abs(float(y.var(correction=0)) - 1) <= 0.002:
                break
            factor /= float(y.std(correction=0))
        factors[name], x = factor, y
    return factors


def test_the_factors_are_those_by_hand() -> None:
    _, found = calibrated({**NETWORKS["mlp"], "calibrate": LSUV})
    expected = by_hand(NETWORKS["mlp"])
    assert [layer.name for layer in found.layers] == ["h1.fc", "h2.fc", "h3.fc", "head"]
    for layer in found.layers:
        assert layer.factor == pytest.approx(expected[layer.name], rel=2e-3)
        assert layer.factor == float(f"{layer.factor:.4g}")
        assert layer.remark is None
    assert found.layers[3].iterations > 1  # its bias is no part of what is scaled
    assert kinds(found) == ["orthogonal"] * 3 + ["normal"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("changes", [{}, {"dtype": "bfloat16"}, {"generator": "torch"}], ids=str)
def test_the_answered_spec_has_the_variance_1_in_each_layer(name: str, changes: dict[str, Any]) -> None:
    document = {**NETWORKS[name], **changes, "training": name == "mlp"}
    first, found = calibrated({**document, "calibrate": LSUV})
    assert all(layer.remark is None for layer in found.layers)
    exact = changes.get("dtype") is None
    stds = {layer.name: layer.std for layer in first.layers}
    for layer in found.layers:
        assert stds[layer.name] == pytest.approx(1, abs=0.002 if exact else 0.02)
        assert stds[layer.name] == pytest.approx(layer.std_after, rel=1e-5 if exact else 0.02)
    if name == "mlp":
        assert report(merged(document, found.spec)).layers == first.layers


def test_the_spec_is_portable() -> None:
    document = {**NETWORKS["mlp"], "seed": 5, "calibrate": "lsuv"}
    _, found = calibrated(document)
    assert found.token is not None
    resolved = decode_token(found.token, Limits())
    assert json.loads(resolved.recipe) == found.spec
    assert found.url == f"/v1/weights/{found.token}"
    assert found.etag == f'"{open_file(resolved).digest}"'
    assert parse_spec(dump(found.spec), Limits()).recipe == resolved.recipe
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        assert calibrated(document)[1] == found
    torch.set_num_threads(threads)
    narrow = calibrated(document)[1]
    assert (
        narrow.layers == calibrated({**document, "loss": "mse_loss", "target": {"init": "normal"}})[1].layers
    )


def test_dropout_is_no_part_of_the_variance() -> None:
    layers = [
        {"type": "Dropout", "p": 0.5},
        {"name": "fc", "type": "Linear", "in_features": 32, "out_features": 8, "bias": False},
    ]
    given = {"shape": [256, 32], "init": "normal"}
    _, found = calibrated({"layers": layers, "input": given, "calibrate": "lsuv"})
    _, without = calibrated({"layers": layers[1:], "input": given, "calibrate": "lsuv"})
    assert found.layers == without.layers


def test_inits_of_ones_own_are_kept_and_the_others_begin_as_the_calibration_says() -> None:
    layers = [
        {"name": "table", "type": "Embedding", "num_embeddings": 9, "embedding_dim": 8},
        {"name": "a", "type": "Linear", "in_features": 8, "out_features": 8},
        {"name": "b", "type": "Linear", "in_features": 8, "out_features": 8, "init": "xavier_normal"},
    ]
    document = {"layers": layers, "input": {"shape": [64], "classes": 9}}
    _, found = calibrated({**document, "calibrate": "lsuv"})
    assert kinds(found) == ["normal", "orthogonal", "xavier_normal"]
    own = {"method": "lsuv", "init": "lecun_uniform"}
    _, found = calibrated({**document, "calibrate": own})
    assert kinds(found) == ["normal", "variance_scaling", "xavier_normal"]


def linear(name: str = "fc", **init: Any) -> dict[str, Any]:
    return {"name": name, "type": "Linear", "in_features": 8, "out_features": 8, "init": init}


def test_generator_torch_has_no_scale_of_an_identity() -> None:
    asked = {
        "layers": [linear(weight="eye")],
        "input": {"shape": [16, 8], "init": {"kind": "normal", "std": 3}},
    }
    _, found = calibrated({**asked, "calibrate": "lsuv", "generator": "torch"})
    assert "eye has no scale with generator torch" in (found.layers[0].remark or "")
    _, found = calibrated({**asked, "calibrate": "lsuv"})
    assert found.layers[0].remark is None


RNN = {"name": "rnn", "type": "RNN", "input_size": 8, "hidden_size": 8}


@pytest.mark.parametrize(
    ("layer", "settings", "words"),
    [
        (linear(weight="zeros"), {}, "zeros has no scale"),
        (linear(weight="ones", bias="zeros"), {}, "the output has the std 0"),
        (linear(bias={"kind": "normal", "std": 20}), {}, "the bias alone has the std"),
        (linear(weight={"kind": "variance_scaling", "scale": 1e-300}, bias="zeros"), {}, "out of range"),
        (RNN, {}, "the output of RNN is not proportional to one weight"),
        (linear(bias={"kind": "normal", "std": 0.8}), {"max_iterations": 1}, "after 1 iterations"),
    ],
)
def test_layers_that_stay_have_a_remark(layer: dict[str, Any], settings: dict[str, Any], words: str) -> None:
    init = {"kind": "normal", "std": 0.0 if "std 0" in words else 1e-8 if "range" in words else 1.0}
    asked = {"layers": [layer], "input": {"shape": [16, 8], "init": init}, "dtype": "float64"}
    _, found = calibrated({**asked, "calibrate": {**LSUV, **settings}})
    (row,) = found.layers
    assert words in (row.remark or "")
    if not settings:
        assert (row.factor, row.iterations) == (1.0, 0)


TABLE = {"name": "e", "type": "Embedding", "num_embeddings": 10, "embedding_dim": 8}
PADDED: dict[str, Any] = {**TABLE, "padding_idx": 0}


@pytest.mark.parametrize("generator", ["philox", "torch"])
@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (PADDED, "its row padding_idx stays zero only without an init"),
        ({**PADDED, "type": "EmbeddingBag"}, "its row padding_idx stays zero"),
        ({**PADDED, "init": {"kind": "normal", "std": 0.5}}, None),
        ({**PADDED, "init": "normal"}, None),
        (TABLE, None),
        ({**TABLE, "max_norm": 1}, "max_norm bounds the output"),
    ],
)
def test_the_answered_spec_of_a_table_is_what_was_measured(
    layer: dict[str, Any], words: str | None, generator: str
) -> None:
    network = {"layers": [layer], "input": {"shape": [8, 50], "classes": 10}, "generator": generator}
    first, found = calibrated({**network, "calibrate": "lsuv"})
    (row,) = found.layers
    assert row.remark is None if words is None else words in (row.remark or "")
    assert first.layers[0].std == pytest.approx(row.std_after, rel=1e-6)
    weight = arrays(parse_spec(dump(found.spec), Limits()))["e.weight"]
    assert weight[0].any() == ("init" in layer or "padding_idx" not in layer)
    if words is not None:
        assert (row.factor, row.iterations) == (1.0, 0)
    elif generator == "philox":
        assert row.std_after == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("max_iterations", [1, 40])
def test_a_weight_that_does_not_reach_the_output_stays(max_iterations: int) -> None:
    layer = {"name": "fc", "type": "Linear", "in_features": 8, "out_features": 8}
    asked = {"layers": [layer], "input": {"shape": [16, 8], "init": "zeros"}}
    _, found = calibrated({**asked, "calibrate": {**LSUV, "max_iterations": max_iterations}})
    (row,) = found.layers
    assert (row.factor, row.iterations, row.init) == (1.0, 0, "orthogonal")
    assert row.std_after == row.std_before
    assert "its weight does not reach the output" in (row.remark or "")


def test_a_layer_that_has_the_variance_1_needs_no_remark() -> None:
    asked = {"layers": [linear(weight="eye", bias="zeros")], "generator": "torch", "dtype": "float64"}
    given = {"data": [[1.0, -1.0] * 4] * 2}
    _, found = calibrated({**asked, "input": given, "calibrate": "lsuv"})
    assert (found.layers[0].std_after, found.layers[0].remark) == (1.0, None)


def test_every_variant_is_calibrated() -> None:
    variants = [{"label": "one", "init": "xavier_normal"}, {"label": "two", "seed": 7}]
    found = reports({**NETWORKS["mlp"], "calibrate": LSUV, "compare": variants})
    tokens = {one.calibration.token for one in found if one.calibration is not None}
    assert len(tokens) == 2
    for one in found:
        stds = [layer.std for layer in one.layers if layer.type == "Linear"]
        assert stds == pytest.approx([1] * 4, abs=0.002)


@pytest.mark.parametrize(
    ("given", "pointer", "words"),
    [
        ("mixup", "/calibrate", "valid are lsuv"),
        ({"tolerance": 0.1}, "/calibrate/method", "required"),
        ({"method": "lsuv", "tolerance": 0}, "/calibrate/tolerance", "at least 0.002"),
        ({"method": "lsuv", "max_iterations": 65}, "/calibrate/max_iterations", "at most 64"),
        ({"method": "lsuv", "init": "dirac"}, "/calibrate/init", "of a layer without an init"),
        ({"method": "lsuv", "digits": 3}, "/calibrate/digits", "unknown field"),
    ],
)
def test_faults(given: Any, pointer: str, words: str) -> None:
    found = faults({**NETWORKS["mlp"], "calibrate": given})
    assert list(found) == [pointer]
    assert words in found[pointer]


def test_in_process() -> None:
    found = tensorseed.calibrate({**NETWORKS["mlp"], "steps": 3, "loss": "no loss is read"})
    assert found == calibrated({**NETWORKS["mlp"], "calibrate": "lsuv"})[1].model_dump()
    weights = tensorseed.open(found["spec"])
    assert weights["h1.fc.weight"][:].shape == (12, 12)
    with pytest.raises(EvaluationError, match="leave compare out"):
        tensorseed.calibrate({**NETWORKS["mlp"], "compare": ["zeros"]})


def test_a_network_is_a_mapping_a_text_or_a_file(tmp_path: Path) -> None:
    network = {**NETWORKS["mlp"], "seed": 3}
    expected = tensorseed.calibrate(network)
    file = tmp_path / "network.json"
    file.write_text(json.dumps(network))
    arrayed = {**network, "seed": np.int64(3), "input": {"shape": (32, np.int64(12)), "init": "normal"}}
    sources = (json.dumps(network), file, str(file), {**network, "calibrate": None}, arrayed)
    assert all(tensorseed.calibrate(source) == expected for source in sources)


@pytest.mark.parametrize(
    ("network", "error", "words"),
    [
        ('{"layers": [', EvaluationError, "JSON"),
        ("[1]", EvaluationError, "an evaluation must be an object with layers and input"),
        ({"layers": {1}}, EvaluationError, "layers"),
        ("{}", EvaluationError, "required"),
        ("no-such-network.json", FileNotFoundError, "no-such-network"),
        (5, TypeError, "a network is a dict, a JSON text or a path, and not int"),
    ],
)
def test_what_is_no_network_is_refused(network: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        tensorseed.calibrate(network)


SCALED: list[tuple[Any, list[int]]] = [
    ("ones", [3]),
    ({"kind": "constant", "value": -2.5}, [3]),
    ({"kind": "values", "data": [[1, 2.5], [-3, 0]]}, [2, 2]),
    ({"kind": "uniform", "a": -1, "b": 3}, [9]),
    ({"kind": "normal", "mean": 1, "std": 0.5}, [9]),
    ({"kind": "trunc_normal", "mean": 0.5, "std": 1, "a": -1, "b": 2}, [9]),
    ({"kind": "trunc_normal", "mean": 0.5, "std": 0.1, "cutoff": 2}, [9]),
    ({"kind": "trunc_normal", "a": 0, "b": "Infinity"}, [9]),
    ({"kind": "xavier_uniform", "gain": 2}, [4, 3]),
    ("xavier_normal", [4, 3]),
    ({"kind": "kaiming_uniform", "a": 0.3}, [4, 3]),
    ({"kind": "kaiming_normal", "mode": "fan_out"}, [4, 3]),
    ({"kind": "variance_scaling", "mode": "fan_avg", "cutoff": 3}, [4, 3]),
    ({"kind": "variance_scaling", "distribution": "normal"}, [4, 3]),
    ("lecun_uniform", [4, 3]),
    ("lecun_normal", [4, 3]),
    ({"kind": "orthogonal", "gain": 2}, [4, 3]),
    ("delta_orthogonal", [4, 3, 3]),
    ({"kind": "sparse", "sparsity": 0.5}, [4, 3]),
    ({"kind": "parts", "parts": [{"size": 2, "init": "zeros"}, {"init": "kaiming_normal"}]}, [6, 3]),
    ("zeros", [3]),
    ({"kind": "logit", "p": 0.1}, [3]),
    ({"kind": "eye", "gain": 0.5}, [2, 3]),
    ({"kind": "dirac", "groups": 2}, [4, 2, 3]),
    ({"kind": "siren", "omega": 5}, [4, 3]),
    ({"kind": "siren", "first": True}, [4, 3]),
    ({"kind": "power", "a": -5, "b": 3, "exponent": 0.7}, [9]),
]
UNSCALED: list[tuple[dict[str, Any], list[int]]] = [
    ({"kind": "bilinear"}, [1, 1, 2, 2]),
    ({"kind": "sinusoidal"}, [2, 2]),
    ({"kind": "tril"}, [2, 2]),
    ({"kind": "log_uniform", "a": 1, "b": 2}, [3]),
    ({"kind": "log_of_uniform", "a": 1, "b": 2}, [3]),
    ({"kind": "inverse_softplus_log_uniform"}, [3]),
    ({"kind": "rg_lru"}, [3]),
    ({"kind": "decay", "rates": [0.5]}, [1, 3, 1]),
    ({"kind": "weight_norm", "of_shape": [3, 4], "std": 1}, [3, 1]),
]


def resolved_tensor(init: Any, shape: list[int]) -> tuple[Any, Any]:
    entry = {"name": "w", "type": "Tensor", "shape": shape, "init": init, "dtype": "float64"}
    spec = parse_spec(dump({"layers": [entry]}), Limits())
    return spec.tensors[0], arrays(spec)["w"]


@pytest.mark.parametrize(("init", "shape"), SCALED, ids=lambda value: dump(value).decode())
def test_rescaled_schemes_draw_the_same_numbers_times_the_factor(init: Any, shape: list[int]) -> None:
    tensor, array = resolved_tensor(init, shape)
    for factor in (0.125, 1.732):
        scheme = tensor.scheme.rescaled(factor, tensor.shape, tensor.fans)
        _, scaled = resolved_tensor(init_value(scheme), shape)
        assert scaled == pytest.approx(factor * array, rel=1e-12, abs=1e-300)
    assert math.isfinite(float(array.sum()))


def test_every_scheme_is_scaled_or_has_no_scale() -> None:
    scaled = {init if isinstance(init, str) else init["kind"] for init, _ in SCALED}
    unscaled = {init["kind"] for init, _ in UNSCALED}
    assert scaled | unscaled == {cls.spellings()[0] for cls in SCHEME_CLASSES}
    for init, shape in UNSCALED:
        tensor, _ = resolved_tensor(init, shape)
        assert tensor.scheme.rescaled(2.0, tensor.shape, tensor.fans) is None


def test_a_cancelled_calibration_answers_nothing() -> None:
    document = {"layers": [linear()], "input": {"shape": [9, 8], "init": "normal"}, "calibrate": LSUV}
    evaluation = read(document)
    assert evaluation.calibration is not None
    whole = calibrate(
        evaluation,
        evaluation.calibration,
        evaluation.variants[0].resolved,
        evaluation.input.tensor(),
        Deadline(lambda: False, 60),
    )
    for allowed in range(100):
        deadline = Deadline(partial(_is_beyond, itertools.count(), allowed), 60)
        try:
            found = calibrate(
                evaluation,
                evaluation.calibration,
                evaluation.variants[0].resolved,
                evaluation.input.tensor(),
                deadline,
            )
        except ComputationCancelledError:
            continue
        assert found[1] == whole[1]
        return
    raise AssertionError("it asks too often whether it is cancelled")


def _is_beyond(calls: Iterator[int], allowed: int) -> bool:
    return next(calls) >= allowed
