"""Specs of a single layer: resolved, or refused with one fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorseed.errors import SpecError
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

BLOCK: dict[str, Any] = {"d_model": 8, "nhead": 2}
CONV: dict[str, Any] = {"in_channels": 4, "out_channels": 4, "kernel_size": 1}
LSTM: dict[str, Any] = {"input_size": 2, "hidden_size": 3}
SOFTMAX: dict[str, Any] = {"in_features": 8, "n_classes": 20, "cutoffs": [5, 10]}
STACK: dict[str, Any] = {"encoder_layer": BLOCK, "num_layers": 2}


def resolve(kind: str, arguments: dict[str, Any], **common: Any) -> ResolvedSpec:
    entry = {"name": "x", "type": kind, **arguments, **common}
    return parse_spec(json.dumps({"layers": [entry]}).encode(), Limits())


def fault(kind: str, arguments: dict[str, Any], **common: Any) -> tuple[str, str]:
    """Pointer, below the entry, and sentence of the only fault."""
    with pytest.raises(SpecError) as caught:
        resolve(kind, arguments, **common)
    (only,) = caught.value.faults
    assert only.pointer.startswith("/layers/0")
    return only.pointer.removeprefix("/layers/0"), only.detail
