"""Initialisation of modules that are, or hold, models of transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import tensorseed
import tensorseed.torch as ts
from tests.tensorseed.torch.equality import assert_equals_its_spec, bits
from tests.tensorseed.torch.test_transformers_models import LLAMA, made, recipe


def test_a_model_needs_no_values_before() -> None:
    whole, empty = made(LLAMA, "cpu"), made(LLAMA).to_empty(device="cpu")
    assert not torch.equal(*(model.model.rotary_emb.inv_freq for model in (whole, empty)))
    for model in (whole, empty):
        ts.init_(model)
    for (name, one), (_, other) in zip(tensors(whole), tensors(empty), strict=True):
        assert torch.equal(bits(one), bits(other)), name


def tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


class Classifier(nn.Module):
    """A model of transformers beside layers of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.body: Any = made(LLAMA, "cpu")
        self.head = nn.Linear(4, 2)


def test_a_model_may_be_a_part_and_rules_come_first() -> None:
    module = Classifier()
    rules = [{"match": "body.lm_head.weight", "init": "zeros"}]
    report = ts.init_(module, prefix="net")
    assert report["net.head.weight"].by == "default of Linear"
    assert report["net.body.model.norm.weight"].by == "default of LlamaForCausalLM"
    ts.init_(module, seed=1, rules=rules)
    assert not module.body.lm_head.weight.any()
    assert_equals_its_spec(module, seed=1, rules=rules)
    module.body.adapter = nn.Linear(2, 2)
    with pytest.raises(
        tensorseed.ModuleError, match=r"body\.adapter\.bias, body\.adapter\.weight an init, since"
    ):
        ts.init_(module)


def test_a_recipe_is_a_spec_of_its_model() -> None:
    model = made(recipe("tiny-llama")["config"]).to_empty(device="cpu")
    expected = tensorseed.open("tensorseed/tiny-llama")
    model.to(
        torch.bfloat16 if expected["model.norm.weight"].tensor_dtype.name == "bfloat16" else torch.float32
    )
    report = ts.init_(model, spec="tensorseed/tiny-llama")
    assert {row.by for row in report} == {"spec"}
    assert "model.rotary_emb.inv_freq" in report.computed
    assert torch.equal(model.model.norm.weight, expected.torch()["model.norm.weight"])
