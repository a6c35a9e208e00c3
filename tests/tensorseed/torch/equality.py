"""Equality of a module's tensors with those of its spec."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import tensorseed


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes, which tell 0.0 from -0.0."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def assert_equals_its_spec(module: nn.Module, **options: Any) -> dict[str, Any]:
    """Check that the state dict is what opening `spec_of(module)` gives; returns the spec."""
    document = tensorseed.spec_of(module, **options)
    state, opened = module.state_dict(), tensorseed.open(document).torch()
    assert opened.keys() == state.keys()
    for name, tensor in state.items():
        found = opened[name]
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(bits(found), bits(tensor)), name
    return document
