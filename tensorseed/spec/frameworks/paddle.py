"""Initializers of PaddlePaddle."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tensorseed.spec.frameworks.base import (
    GAIN,
    MEAN,
    Framework,
    Init,
    Initializer,
    Positive,
    constant,
    normal,
    orthogonal,
    uniform,
)
from tensorseed.spec.numbers import Bound, Float64
from tensorseed.spec.schemes.fans import Nonlinearity

_FANS = "the fans follow from the weight: leave it out, or use variance_scaling on a Tensor with fan_axes"


def _glorot(kind: str) -> Initializer:
    name = {"xavier_uniform": "XavierUniform", "xavier_normal": "XavierNormal"}[kind]
    return Initializer((name,), kind, "(gain)", lambda gain: {"kind": kind, "gain": gain}, {"gain": GAIN})


def _kaiming(kind: str) -> Initializer:
    def init(negative_slope: float, nonlinearity: str, mode: str) -> Init:
        slope = {"a": negative_slope} if nonlinearity == "leaky_relu" else {}
        return {"kind": kind, "nonlinearity": nonlinearity, "mode": mode, **slope}

    return Initializer(
        ({"kaiming_uniform": "KaimingUniform", "kaiming_normal": "KaimingNormal"}[kind],),
        kind,
        "(a=negative_slope, mode, nonlinearity)",
        init,
        {
            "negative_slope": (Float64, 0.0),
            "nonlinearity": (Nonlinearity, "relu"),
            "mode": (Literal["fan_in", "fan_out"], "fan_in"),
        },
    )


PADDLE = Framework(
    title="PaddlePaddle",
    prefixes=("paddle", "paddle.nn.initializer"),
    source="paddle.nn.initializer of PaddlePaddle 3.0",
    initializers=(
        constant("Constant"),
        uniform("Uniform", "low", "high", (-1.0, 1.0)),
        normal("Normal", "std", 1.0),
        Initializer(
            ("TruncatedNormal",),
            "trunc_normal",
            "(mean, std, a, b)",
            lambda mean, std, a, b: {"kind": "trunc_normal", "mean": mean, "std": std, "a": a, "b": b},
            {"mean": MEAN, "std": (Positive, 1.0), "a": (Bound, -2.0), "b": (Bound, 2.0)},
        ),
        _glorot("xavier_uniform"),
        _glorot("xavier_normal"),
        _kaiming("kaiming_uniform"),
        _kaiming("kaiming_normal"),
        orthogonal("Orthogonal"),
        Initializer(
            ("Dirac",),
            "dirac",
            "(groups)",
            lambda groups: {"kind": "dirac", "groups": groups},
            {"groups": (Annotated[int, Field(ge=1)], 1)},
        ),
        Initializer(
            ("Assign",),
            "values",
            "(data=value)",
            lambda value: {"kind": "values", "data": value},
            {"value": (Any, ...)},
        ),
    ),
    refused={"fan_in": f"fan_in: {_FANS}", "fan_out": f"fan_out: {_FANS}"},
    excluded={
        "Bilinear": "it fills every pair of channels, right for groups of one: use bilinear with groups",
    },
)
