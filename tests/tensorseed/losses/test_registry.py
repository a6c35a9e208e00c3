"""Registry of losses against torch: options, defaults, descriptions."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.nn.modules import adaptive
from torch.nn.modules import loss as modules

from tensorseed.losses import LOSSES, Loss, losses_catalog
from tensorseed.losses.parameters import ParametricLoss
from tests.tensorseed.losses.cases import CASES

OTHER_NAMES = {"NLLLoss2d": "NLLLoss"}  # of torch.nn: deprecated spellings
DEPRECATED = {"size_average", "reduce"}
STRATEGIES = {"options"}  # how linear_cross_entropy spends memory, which changes no result
OURS = {
    "linear_cross_entropy": {"num_classes", "out_features", "bias", *ParametricLoss.model_fields},
}  # how to draw what torch's function is given


def functions() -> set[str]:
    return {
        name
        for name in dir(functional)
        if not name.startswith("_")
        and callable(getattr(functional, name))
        and (name.endswith("_loss") or "cross_entropy" in name or name == "kl_div")
    }


def classes() -> set[str]:
    found = {
        name
        for module in (modules, adaptive)
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, torch.nn.Module)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    return {OTHER_NAMES.get(name, name) for name in found}


def test_every_function_of_torch_is_there() -> None:
    ours = {cls.kind for cls in LOSSES.values() if cls.function() == f"torch.nn.functional.{cls.kind}"}
    assert functions() == ours


def test_every_class_of_torch_is_there() -> None:
    assert classes() == {cls.module for cls in LOSSES.values() if cls.module}


@pytest.mark.parametrize("name", sorted(functions()))
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    cls = LOSSES[name]
    theirs = inspect.signature(getattr(functional, name)).parameters
    tensors = {argument.name: argument for argument in cls.arguments}
    options = set(cls.model_fields) - OURS.get(name, set())
    assert set(theirs) - DEPRECATED - STRATEGIES == set(tensors) | options
    for option in options - {"distance_function"}:
        assert cls.model_fields[option].default == theirs[option].default
    for argument in tensors.values():
        drawn = argument.name == "linear_weight"
        assert argument.optional == (theirs[argument.name].default is None or drawn)


def test_the_default_distance_is_torchs() -> None:
    documented = inspect.getsource(functional.triplet_margin_with_distance_loss)
    assert "distance_function = torch.pairwise_distance" in documented
    default = LOSSES["triplet_margin_with_distance_loss"].model_fields["distance_function"].default
    assert default == "pairwise_distance"


def test_every_function_has_cases() -> None:
    assert {case.name for case in CASES} == functions()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_differentiable_is_what_torch_says(case: Any) -> None:
    tensors = {name: tensor.clone() for name, tensor in case.tensors.items()}
    if case.name in {"cross_entropy", "nll_loss"} and tensors["target"].shape == (1,):
        tensors["target"] = tensors["target"].reshape(())
    loss = LOSSES[case.name](**case.options)
    for name in (name for name, tensor in tensors.items() if tensor.is_floating_point()):
        leaf = tensors[name].clone().requires_grad_()
        try:
            value = loss.value({**tensors, name: leaf}).sum()
            torch.autograd.grad(value, leaf)
        except RuntimeError:
            assert name not in loss.differentiable(tensors)
        else:
            assert name in loss.differentiable(tensors)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_described(name: str) -> None:
    entry = next(entry for entry in losses_catalog() if entry["kind"] == name)
    for label in ("summary", "formula", "source", "denominator", "empty"):
        assert entry[label], label
        assert "\n" not in entry[label]
    assert entry["summary"].endswith(".")
    assert entry["arguments"]
    for argument in entry["arguments"]:
        assert argument["shape"]
        assert argument["numbers"] in {"floating", "integer", "either"}
        assert not (argument["numbers"] == "integer" and argument["differentiable"])
    for parameter in entry["parameters"]:
        assert parameter["description"].endswith(".")
        assert parameter["required"] or "default" in parameter
    qualified = entry["torch"]
    assert qualified is None or qualified.endswith(name) or name == "adaptive_log_softmax_with_loss"
    json.dumps(entry, allow_nan=False)


def test_the_catalog_has_them_all_once() -> None:
    assert [entry["kind"] for entry in losses_catalog()] == list(LOSSES)


def test_examples_are_valid() -> None:
    for cls in LOSSES.values():
        required = {
            name: (field.examples or [None])[0]
            for name, field in cls.model_fields.items()
            if field.is_required()
        }
        for name, field in cls.model_fields.items():
            assert field.examples, (cls.kind, name)
            for example in field.examples:
                document = json.dumps({**required, name: example})
                assert isinstance(cls.model_validate_json(document), Loss)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_says_what_an_uninformed_output_is(name: str) -> None:
    expectation = LOSSES[name].model_construct().expectation((2, 3))
    assert expectation is None or (isinstance(expectation.output, float) and expectation.formula)


def test_a_loss_without_a_check_or_an_expectation_is_none() -> None:
    class Forgetful(Loss):
        pass

    with pytest.raises(TypeError, match=r"check.*expectation"):
        Forgetful()  # type: ignore[abstract]
    assert not any(inspect.isabstract(cls) for cls in LOSSES.values())


def test_the_package_does_not_import_torch() -> None:
    code = "import sys; from tensorseed.losses import losses_catalog; losses_catalog()"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
