"""Computed losses against torch's, bit for bit, by JSON and safetensors."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from tensorseed.errors import DeviceError, LossError
from tensorseed.losses import LOSSES, Result, evaluate, read_loss
from tensorseed.spec.limits import Limits
from tests.tensorseed.losses.cases import CASES, DTYPES, Case

pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")

WITHOUT_NARROW = {"ctc_loss", "multi_margin_loss", "multilabel_margin_loss"}


def reductions(name: str) -> list[str]:
    schema = LOSSES[name].model_json_schema()["properties"]["reduction"]
    return list(schema["enum"])


def nested(tensor: torch.Tensor) -> Any:
    """The tensor as JSON has it."""
    spelled = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

    def spell(value: Any) -> Any:
        if isinstance(value, list):
            return [spell(part) for part in value]
        return spelled.get(str(value), value)

    return spell(tensor.tolist())


def ours(case: Case, reduction: str, dtype: torch.dtype, gradients: list[str], *, as_json: bool) -> Result:
    options = {**case.options, "reduction": reduction, "gradients": gradients}
    options = {key: "Infinity" if value == math.inf else value for key, value in options.items()}
    tensors = case.cast(dtype)
    if not as_json:
        return evaluate(read_loss(case.name, options, Limits(), tensors))
    name = str(dtype).removeprefix("torch.")
    document = {**options, "dtype": name, **{key: nested(tensor) for key, tensor in tensors.items()}}
    return evaluate(read_loss(case.name, json.loads(json.dumps(document)), Limits()))


def theirs(
    case: Case, reduction: str, dtype: torch.dtype, gradients: list[str]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    tensors = case.cast(dtype)
    if case.name in {"cross_entropy", "nll_loss"} and tensors["target"].shape == (1,):
        tensors["target"] = tensors["target"].reshape(())  # torch's own gradient fails for [1]
    leaves = {name: tensors[name].clone().requires_grad_() for name in gradients}
    value = getattr(functional, case.name)(**tensors | leaves, **case.options, reduction=reduction)
    if leaves:
        value.sum().backward()
    return value.detach(), {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal bit for bit, one NaN being as good as another."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    nan = a.isnan() & b.isnan()
    a, b = a.masked_fill(nan, 0), b.masked_fill(nan, 0)
    integer = {8: torch.int64, 4: torch.int32, 2: torch.int16}[a.element_size()]
    return bool((a.contiguous().view(integer) == b.contiguous().view(integer)).all())


def differentiable(case: Case) -> list[str]:
    return sorted(LOSSES[case.name](**case.options).differentiable(case.tensors))


def kernels(dtype: torch.dtype) -> list[Case]:
    return [case for case in CASES if dtype.itemsize > 2 or case.name not in WITHOUT_NARROW]


@pytest.mark.parametrize("as_json", [False, True], ids=["tensors", "json"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_value_and_gradients_are_torchs(name: str, dtype: torch.dtype, as_json: bool) -> None:
    for case in (case for case in kernels(dtype) if case.name == name):
        if as_json and any(0 in tensor.shape[:-1] for tensor in case.tensors.values()):
            continue  # nested lists have no dimensions behind an empty one
        gradients = differentiable(case)
        for reduction in reductions(name):
            value, grads = theirs(case, reduction, dtype, gradients)
            result = ours(case, reduction, dtype, gradients, as_json=as_json)
            assert same(result.loss, value), (str(case), reduction)
            assert result.gradients.keys() == set(gradients)
            for key, gradient in grads.items():
                assert same(result.gradients[key], gradient), (str(case), reduction, key)
            assert (result.reduction, result.device) == (reduction, "cpu")
            assert result.dtype == str(value.dtype).removeprefix("torch.")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_gradient_changes_the_value(case: Case) -> None:
    alone = ours(case, "mean", torch.float64, [], as_json=False)
    assert alone.gradients == {}
    for name in differentiable(case):
        result = ours(case, "mean", torch.float64, [name], as_json=False)
        assert list(result.gradients) == [name]
        assert result.gradients[name].shape == case.tensors[name].shape
        assert same(result.loss, alone.loss)
    assert not any(tensor.requires_grad for tensor in case.tensors.values())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_denominator_is_what_the_mean_divides_by(case: Case) -> None:
    each = ours(case, "none", torch.float64, [], as_json=False)
    total = ours(case, "sum", torch.float64, [], as_json=False)
    mean = ours(case, "mean", torch.float64, [], as_json=False)
    assert (each.denominator, total.denominator) == (None, 1.0)
    assert mean.denominator is not None
    summed = total.loss
    if case.name == "ctc_loss":
        summed = (each.loss / case.tensors["target_lengths"].reshape(each.loss.shape).clamp(min=1)).sum()
    torch.testing.assert_close(summed / mean.denominator, mean.loss, equal_nan=True)
    assert (mean.denominator == 0) == any("denominator is 0" in note for note in mean.notes)
    assert not any("denominator" in note for note in each.notes + total.notes)


def test_batchmean_divides_by_the_batch() -> None:
    for shape, expected in (((5, 3), 5.0), ((), 1.0), ((0, 3), 0.0), ((2, 3, 4), 2.0)):
        tensors = {"input": -torch.ones(shape), "target": torch.full(shape, 0.5)}
        result = evaluate(read_loss("kl_div", {"reduction": "batchmean"}, Limits(), tensors))
        assert (result.reduction, result.denominator) == ("batchmean", expected)


@pytest.mark.parametrize("name", sorted(WITHOUT_NARROW))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_dtype_without_a_kernel(name: str, dtype: str) -> None:
    case = next(case for case in CASES if case.name == name)
    with pytest.raises(LossError) as caught:
        ours(case, "mean", getattr(torch, dtype), [], as_json=True)
    (fault,) = caught.value.faults
    assert fault.pointer == "/dtype"
    assert fault.detail == f"torch has no {name} for {dtype} on cpu: use float32 or float64"


def test_everything_ignored() -> None:
    document = {"input": [[1.0, 2.0]], "target": [-100], "gradients": ["input"]}
    result = evaluate(read_loss("cross_entropy", document, Limits()))
    assert result.loss.isnan()
    assert result.denominator == 0
    why = "where every target is ignored or has weight 0, or there is none, the mean is 0/0 = NaN"
    assert result.notes == (f"the denominator is 0: {why}",)


@pytest.mark.parametrize(
    ("name", "document", "note"),
    [
        ("nll_loss", {"input": [[0.5, 0.5]], "target": [1]}, "input has positive elements"),
        ("kl_div", {"input": [0.5], "target": [0.5]}, "input has positive elements"),
        ("kl_div", {"input": [-0.5], "target": [0.5], "log_target": True}, "target has positive elements"),
        ("poisson_nll_loss", {"input": [0.5], "target": [-1]}, "target has negative elements"),
        ("cross_entropy", {"input": [[1, 2]], "target": [[0.5, 0.9]]}, "do not sum to 1"),
        (
            "ctc_loss",
            {"log_probs": [[-1, -1]], "targets": [1, 1], "input_lengths": 1, "target_lengths": 2},
            "target 0 does not fit",
        ),
        (
            "ctc_loss",
            {"log_probs": [[-1, -1]] * 2, "targets": [1, 1], "input_lengths": 2, "target_lengths": 2},
            "target 0 does not fit",
        ),
    ],
)
def test_notes(name: str, document: dict[str, Any], note: str) -> None:
    result = evaluate(read_loss(name, document, Limits()))
    assert any(note in text for text in result.notes)


def test_a_device_that_is_not_there() -> None:
    call = read_loss("mse_loss", {"input": 1, "target": 2, "device": "cuda:999"}, Limits())
    with pytest.raises(DeviceError, match="cuda:999"):
        evaluate(call)
