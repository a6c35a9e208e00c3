"""The optimizers, against those of the torch that is installed."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from tensorseed.evaluations.optimizers import OPTIMIZERS
from tests.tensorseed.evaluations.cases import faults

# How torch computes, not what: and the parameters, which are the network's.
HIDDEN = {"self", "params", "foreach", "fused", "capturable", "differentiable"}

NETWORK: dict[str, Any] = {
    "layers": [{"name": "fc", "type": "Linear", "in_features": 3, "out_features": 2}],
    "input": {"shape": [4, 3], "init": "normal"},
    "target": {"init": "normal"},
    "loss": "mse_loss",
    "steps": 1,
}


def test_the_optimizers_of_the_list() -> None:
    names = "SGD Adagrad RMSprop Adam AdamW Adadelta Adamax NAdam RAdam"
    assert set(OPTIMIZERS) == set(names.split())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    ours = {n: field.default for n, field in OPTIMIZERS[name].model_fields.items() if n != "kind"}
    signature = inspect.signature(getattr(torch.optim, name).__init__).parameters
    assert ours == {n: p.default for n, p in signature.items() if n not in HIDDEN}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_torch_refuses_is_a_fault(name: str) -> None:
    for argument, value in {"lr": -0.1, "eps": -1e-8, "weight_decay": -1.0, "betas": [0.9, 1.0]}.items():
        if argument not in OPTIMIZERS[name].model_fields:
            continue
        weight = torch.zeros(1, requires_grad=True)
        with pytest.raises(ValueError, match="Invalid"):
            getattr(torch.optim, name)([weight], **{argument: value})
        found = faults({**NETWORK, "optimizer": {"kind": name, argument: value}})
        where = f"/optimizer/{argument}"
        assert all(pointer.startswith(where) for pointer in found)
        assert found


@pytest.mark.parametrize(
    ("optimizer", "pointer", "words"),
    [
        ("SDG", "/optimizer", "did you mean SGD"),
        ({"kind": "LBFGS"}, "/optimizer/kind", "valid are SGD"),
        ({"lr": 0.1}, "/optimizer", "object with kind"),
        (7, "/optimizer", "object with kind"),
        ({"name": "SGD", "lr": 0.1}, "/optimizer/name", "name is called kind here: write kind in its place"),
        ({"type": "SGD"}, "/optimizer/type", "type is called kind here"),
        ({"kind": "SGD", "rate": 0.1}, "/optimizer/rate", "unknown field"),
        ({"kind": "SGD", "nesterov": True}, "/optimizer/nesterov", "momentum above 0"),
        ({"kind": "SGD", "lr": "0.1"}, "/optimizer/lr", "must be a number"),
        ({"kind": "Adam", "betas": [0.9]}, "/optimizer/betas/1", "required"),
        (None, "/optimizer", "steps need an optimizer"),
    ],
)
def test_a_wrong_optimizer_is_a_fault_at_its_place(optimizer: Any, pointer: str, words: str) -> None:
    found = faults({**NETWORK, "optimizer": optimizer})
    assert list(found) == [pointer]
    assert words in found[pointer]
