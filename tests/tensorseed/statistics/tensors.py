"""Resolved tensors by their inits, with what computes their elements."""

from __future__ import annotations

import json
from typing import Any

from tensorseed.files.elements import ElementSource, element_source
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.spec import parse_spec


def tensor_of(shape: list[int], init: Any, **members: Any) -> tuple[ResolvedTensor, ElementSource]:
    """A bare tensor called w."""
    entry = {"name": "w", "type": "Tensor", "shape": shape, "init": init, **members}
    resolved = parse_spec(json.dumps({"seed": 3, "layers": [entry]}).encode(), Limits())
    return resolved.tensors[0], element_source(resolved)
