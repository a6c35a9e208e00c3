"""Initializers of Lasagne."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator

from tensorseed.spec.frameworks.base import (
    Framework,
    Init,
    Initializer,
    around_zero,
    constant,
    normal,
    scaled,
)
from tensorseed.spec.numbers import inexact
from tensorseed.spec.schemes.base import Scale

RELU = math.sqrt(2.0)


def _check_gain(value: Any) -> float:
    if value == "relu":
        return RELU
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError("the gain must be a number of at least 0, or relu, which is √2")
    if type(value) is int and (detail := inexact(value)):
        raise ValueError(f"the gain must be a float64: {detail}")
    return float(value)


_GAIN = {"gain": (Annotated[Any, AfterValidator(_check_gain)], 1.0)}


def _he(distribution: str) -> Initializer:
    kind = f"kaiming_{distribution}"

    def init(gain: float) -> Init:
        if gain == 0.0:
            return "zeros"
        return kind if gain == RELU else scaled(gain * gain, "fan_in", distribution)

    return Initializer(
        (f"He{distribution.capitalize()}",),
        kind,
        f" for relu, else variance_scaling(scale=gain², distribution={distribution})",
        init,
        _GAIN,
    )


def _with_gain(name: str, kind: str) -> Initializer:
    return Initializer((name,), kind, "(gain)", lambda gain: {"kind": kind, "gain": gain}, _GAIN)


LASAGNE = Framework(
    title="Lasagne",
    prefixes=("lasagne", "lasagne.init"),
    source="lasagne.init of Lasagne 0.2",
    initializers=(
        constant("Constant", "val"),
        Initializer(
            ("Uniform",),
            "uniform",
            "(a=−range, b=range)",
            lambda **given: around_zero(given["range"]),
            {"range": (Scale, 0.01)},
        ),
        normal("Normal", "std", 0.01),
        _with_gain("GlorotUniform", "xavier_uniform"),
        _with_gain("GlorotNormal", "xavier_normal"),
        _he("uniform"),
        _he("normal"),
        _with_gain("Orthogonal", "orthogonal"),
    ),
    excluded={
        "Sparse": "its sparsity is the share that is not zero: use sparse with 1 minus it",
    },
)
