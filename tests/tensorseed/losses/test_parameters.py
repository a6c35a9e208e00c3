"""Losses with parameters: those of `/v1/weights`, or torch's modules'."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import torch

from tensorseed.errors import LossError, TooLargeError
from tensorseed.files.virtual_file import open_file
from tensorseed.losses import Call, evaluate, read_loss
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import tensor_arrays

X = torch.randn(7, 8, generator=torch.Generator().manual_seed(1))
Y = torch.tensor([0, 3, 9, 5, 1, 2, 7])
CLASSES: dict[str, Any] = {"n_classes": 10, "cutoffs": [3, 6]}
LAYER = {"name": "loss", "type": "AdaptiveLogSoftmaxWithLoss", "in_features": 8, **CLASSES}
ADAPTIVE = "adaptive_log_softmax_with_loss"
LINEAR = "linear_cross_entropy"


def served(layer: dict[str, Any], seed: int, dtype: str) -> dict[str, torch.Tensor]:
    """The tensors of the file that a spec of one layer has."""
    document = {"seed": seed, "dtype": dtype, "layers": [layer]}
    file = open_file(parse_spec(orjson.dumps(document), Limits()))
    return {
        tensor.name: torch.from_numpy(array).to(getattr(torch, dtype))
        for tensor, array in tensor_arrays(file)
    }


def call(name: str, dtype: torch.dtype = torch.float32, **document: Any) -> Call:
    return read_loss(name, document, Limits(), {"input": X.to(dtype), "target": Y})


def fault(name: str, document: dict[str, Any], **tensors: torch.Tensor) -> tuple[str, str]:
    with pytest.raises(LossError) as caught:
        read_loss(name, document, Limits(), {"input": X, "target": Y, **tensors})
    (only,) = caught.value.faults
    return only.pointer, only.detail


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "init", [{}, {"head.weight": "ones", "tail.0.1.weight": {"kind": "normal", "std": 2}}]
)
def test_adaptive_parameters_are_those_of_the_file(dtype: str, init: dict[str, Any]) -> None:
    options = {**CLASSES, "head_bias": True, "seed": 42, "init": init}
    tensors = call(ADAPTIVE, getattr(torch, dtype), **options).tensors
    expected = served({**LAYER, "head_bias": True, "init": init}, 42, dtype)
    assert set(tensors) - {"input", "target"} == {name.removeprefix("loss.") for name in expected}
    for name, tensor in expected.items():
        assert torch.equal(tensors[name.removeprefix("loss.")], tensor)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("further", [[], [2, 3]])
def test_linear_parameters_are_those_of_the_file(dtype: str, further: list[int]) -> None:
    target = torch.zeros(7, *further).long()
    tensors = {"input": X.to(getattr(torch, dtype)), "target": target}
    options = {
        "num_classes": 10,
        "out_features": further,
        "bias": True,
        "seed": "7",
        "init": {"bias": "ones"},
    }
    drawn = read_loss(LINEAR, options, Limits(), tensors).tensors
    outputs = 10 * (6 if further else 1)
    layer = {
        "name": "linear",
        "type": "Linear",
        "in_features": 8,
        "out_features": outputs,
        "init": {"bias": "ones"},
    }
    expected = served(layer, 7, dtype)
    assert drawn["linear_weight"].shape == (10, *further, 8)
    assert torch.equal(drawn["linear_weight"].reshape(outputs, 8), expected["linear.weight"])
    assert torch.equal(drawn["linear_bias"].reshape(outputs), expected["linear.bias"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("count", [7, 1])
def test_adaptive_is_torchs_own_module(dtype: torch.dtype, bias: bool, count: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6], 2.0, head_bias=bias, dtype=dtype)
    x = X[:count].to(dtype).requires_grad_()
    output, loss = module(x, Y[:count])
    loss.backward()
    options = {**CLASSES, "div_value": 2.0, "head_bias": bias, "seed": 5, "generator": "torch"}
    names = ["input", *dict(module.named_parameters())]
    tensors = {"input": X[:count].to(dtype), "target": Y[:count]}
    result = evaluate(read_loss(ADAPTIVE, {**options, "gradients": names}, Limits(), tensors))
    assert torch.equal(result.loss, loss.detach())
    assert torch.equal(result.outputs["output"], output.detach())
    assert (result.denominator, result.reduction) == (float(count), "mean")
    assert torch.equal(result.gradients["input"], x.grad)
    for name, parameter in module.named_parameters():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert torch.equal(result.gradients[name], expected)


def test_adaptive_of_one_sample() -> None:
    options = {**CLASSES, "input": [0.5] * 8, "target": 7}
    alone = evaluate(read_loss(ADAPTIVE, options, Limits()))
    batch = evaluate(read_loss(ADAPTIVE, {**options, "input": [[0.5] * 8], "target": [7]}, Limits()))
    assert torch.equal(alone.loss, batch.loss)
    assert (alone.outputs["output"].shape, batch.outputs["output"].shape) == ((), (1,))


def test_linear_is_torchs_own_module() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = torch.nn.LinearCrossEntropyLoss(8, 10, bias=True, label_smoothing=0.1)
    options = {"num_classes": 10, "bias": True, "seed": 5, "generator": "torch", "label_smoothing": 0.1}
    result = evaluate(call(LINEAR, **options, gradients=["linear_weight", "linear_bias"]))
    loss = module(X, Y)
    loss.backward()
    assert torch.equal(result.loss, loss.detach())
    weight, bias = module.linear.weight, module.linear.bias
    assert weight is not None
    assert torch.equal(result.gradients["linear_weight"], weight.grad)
    assert torch.equal(result.gradients["linear_bias"], bias.grad)


def test_parameters_may_be_given() -> None:
    drawn = call(ADAPTIVE, **CLASSES, seed=3)
    again = read_loss(ADAPTIVE, CLASSES, Limits(), drawn.tensors)
    assert torch.equal(evaluate(again).loss, evaluate(drawn).loss)
    drawn = call(LINEAR, num_classes=10, seed=3)
    again = read_loss(LINEAR, {}, Limits(), drawn.tensors)
    assert torch.equal(evaluate(again).loss, evaluate(drawn).loss)


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ({}, "/n_classes", "required"),
        ({"n_classes": 10, "cutoffs": []}, "/cutoffs", "at least one"),
        ({"n_classes": 10, "cutoffs": [6, 3]}, "/cutoffs/1", "must increase"),
        ({"n_classes": 10, "cutoffs": [10]}, "/cutoffs/0", "below n_classes"),
        ({"n_classes": 9, "cutoffs": [3]}, "/target/2", "from 0 to 8: this is 9"),
        ({**CLASSES, "init": {"head": "ones"}}, "/init/head", "unknown parameter"),
        (
            {**CLASSES, "init": {"head.weight": {"kind": "normal", "std": -1}}},
            "/init/head.weight/std",
            "at least 0",
        ),
        ({**CLASSES, "init": {"head.weight": "oness"}}, "/init/head.weight", "did you mean ones?"),
        ({**CLASSES, "seed": -1}, "/seed", "an integer from 0"),
        ({**CLASSES, "generator": "numpy"}, "/generator", "one of philox, torch"),
        ({**CLASSES, "gradients": ["tail.7.0.weight"]}, "/gradients/0", "is not given"),
        ({**CLASSES, "gradients": ["tail.x.0.weight"]}, "/gradients/0", "unknown tensor"),
    ],
)
def test_adaptive_faults(document: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(LossError) as caught:
        read_loss(ADAPTIVE, document, Limits(), {"input": X, "target": Y})
    assert caught.value.faults[0].pointer == pointer
    assert words in caught.value.faults[0].detail


def test_adaptive_faults_of_given_parameters() -> None:
    given = {name: tensor for name, tensor in call(ADAPTIVE, **CLASSES).tensors.items() if "." in name}
    head = given["head.weight"]
    assert fault(ADAPTIVE, CLASSES, **{"head.weight": head})[0] == "/tail.0.0.weight"
    assert fault(ADAPTIVE, CLASSES, **given | {"head.bias": head[:, 0]}) == (
        "/head.bias",
        "this layer has no head.bias: its parameters are head.weight, tail.0.0.weight, tail.0.1.weight, "
        "tail.1.0.weight, tail.1.1.weight",
    )
    where, detail = fault(ADAPTIVE, CLASSES, **given | {"head.weight": head[:4]})
    assert (where, "(4, 8), and for 8 features" in detail) == ("/head.weight", True)
    assert fault(ADAPTIVE, {**CLASSES, "seed": 1}, **given)[0] == "/seed"


@pytest.mark.parametrize(
    ("document", "tensors", "pointer", "words"),
    [
        ({}, {}, "/linear_weight", "or num_classes"),
        ({"num_classes": 0}, {}, "/num_classes", "at least 1"),
        ({"num_classes": 9}, {}, "/target/2", "from 0 to 8, or -100: this is 9"),
        ({"num_classes": 10}, {"linear_bias": X[0]}, "/linear_bias", "needs linear_weight"),
        ({"num_classes": 10}, {"linear_weight": X}, "/num_classes", "leave one of them out"),
        ({"seed": 1}, {"linear_weight": X}, "/seed", "leave one of them out"),
        ({}, {"linear_weight": X[:, :7]}, "/linear_weight", "(7, 7) and input the shape (7, 8)"),
        ({}, {"linear_weight": X[0]}, "/linear_weight", "(8,) and input the shape (7, 8)"),
        ({}, {"linear_weight": X, "linear_bias": X[0]}, "/linear_bias", "(8,), and for linear_weight"),
        ({}, {"input": X[0], "linear_weight": X[None]}, "/input", "need a batch"),
        ({}, {"input": X[None], "linear_weight": X}, "/input", "3 dimensions"),
        (
            {"ignore_index": -100},
            {"linear_weight": X, "target": torch.eye(7)},
            "/ignore_index",
            "no meaning",
        ),
        ({"num_classes": 10, "init": {"weight": "identical"}}, {}, "/init/weight", "unknown scheme"),
    ],
)
def test_linear_faults(document: dict[str, Any], tensors: Any, pointer: str, words: str) -> None:
    where, detail = fault(LINEAR, document, **tensors)
    assert where == pointer
    assert words in detail


@pytest.mark.parametrize("count", [1 << 30, 1 << 62])
def test_too_many_parameters(count: int) -> None:
    with pytest.raises(TooLargeError, match="parameters, the limit is 67,108,864: choose fewer classes"):
        call(ADAPTIVE, n_classes=count, cutoffs=[5])
    with pytest.raises(TooLargeError, match="parameters, the limit is 67,108,864: choose fewer classes"):
        call(LINEAR, num_classes=count)


def test_nothing_is_drawn_for_a_request_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("tensorseed.losses.parameters.ParametricLoss.draw_parameters", draw)
    wrong = {"input": X, "target": Y + 100}
    for name, options in ((ADAPTIVE, CLASSES), (LINEAR, {"num_classes": 10})):
        with pytest.raises(LossError, match="must be a class"):
            read_loss(name, options, Limits(), wrong)
    with pytest.raises(TooLargeError, match="on the way"):
        read_loss(LINEAR, {"num_classes": 10}, Limits(activations=69), {"input": X, "target": Y})
