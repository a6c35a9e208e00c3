"""Validation of alike entries at once: as each of them alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorseed.errors import SpecError
from tensorseed.spec import entries
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec

SHAPES: list[list[int]] = [
    [4, 6],
    [6, 4],
    [8, 8],
    [8],
    [2, 0],
    [0, 2],
    [],
    [2, 3, 4],
    [4, 3, 2],
    [1 << 40, 2],
]
FORMS: list[dict[str, Any]] = [
    {"init": "normal"},
    {"init": "xavier_uniform", "dtype": "bfloat16"},
    {"init": "Kaiming_Normal_", "dtype": "torch.float16"},
    {"init": {"kind": "kaiming_normal", "mode": "fan_out"}},
    {"init": {"kind": "keras.initializers.GlorotNormal"}},
    {"init": {"kind": "jax.nn.initializers.he_normal", "in_axis": -1, "out_axis": 0}},
    {"init": {"kind": "normal", "std": 0.5}, "stream": "x", "seed": "3"},
    {"init": {"kind": "constant", "value": -0.0}},
    {"init": "zeros", "padding_idx": 0},
    {"init": "normal", "fan_axes": {"in": 0, "out": 1}},
    {"init": {"kind": "parts", "parts": [{"init": "zeros", "size": 1}, {"init": "ones"}]}},
    {"init": {"kind": "uniform", "b": "much"}},
    {"init": "nonsense"},
    {"init": "normal", "shapes": 3},
    {},
]
BAD: list[Any] = [[-1], [2.0], ["2"], [True], "4", None, 7, [1 << 64], [[2]]]


def parsed(*layers: dict[str, Any], **more: Any) -> ResolvedSpec | list[tuple[str, str]]:
    """The resolved spec, or its faults."""
    try:
        return parse_spec(json.dumps({"layers": layers, **more}).encode(), Limits())
    except SpecError as error:
        return [(fault.pointer, fault.detail) for fault in error.faults]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("rules", [[], [{"match": "t1*", "init": "ones"}]], ids=["plain", "ruled"])
def test_entries_of_other_sizes_are_what_each_is_alone(
    form: dict[str, Any], rules: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [
        {"name": f"t{number}", "type": "Tensor", "shape": shape, **form}
        for number, shape in enumerate([*SHAPES, *BAD, *SHAPES])
    ]
    more = {"rules": rules} if rules else {}
    together = parsed(*layers, **more)
    valid = [layer for layer in layers if isinstance(parsed(layer, **more), ResolvedSpec)]
    several = [parsed(*valid, **more)]
    monkeypatch.setattr(entries, "_form", lambda *_: None)
    assert together == parsed(*layers, **more)
    assert several == [parsed(*valid, **more)]
