"""Types of layers that rules match, against torch's classes."""

from __future__ import annotations

import doctest

import pytest
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from tensorseed.spec.layers import LAYERS
from tensorseed.spec.rules import layer_types as module
from tensorseed.spec.rules.layer_types import TORCH_CLASSES, layer_types
from tensorseed.torch.names import class_names

OWNERS = [name for name in LAYERS if hasattr(nn, name) and name != "LinearCrossEntropyLoss"]


@pytest.mark.parametrize("name", OWNERS)
def test_a_layer_has_the_types_of_its_class(name: str) -> None:
    assert layer_types(name) == class_names(getattr(nn, name))


def test_the_projection_of_an_attention_is_a_linear_layer() -> None:
    name = NonDynamicallyQuantizableLinear.__name__
    assert layer_types(name) == class_names(NonDynamicallyQuantizableLinear) == (name, "Linear")


def test_the_further_classes_are_no_types_of_a_spec() -> None:
    assert LAYERS.keys().isdisjoint(TORCH_CLASSES)


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
