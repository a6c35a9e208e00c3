"""Initializers of Haiku and of Sonnet."""

from __future__ import annotations

from typing import Any, Literal

from tensorseed.spec.frameworks.base import (
    GAIN,
    KERNELS,
    Fan,
    Framework,
    Initializer,
    Positive,
    bare,
    constant,
    normal,
    orthogonal,
    scaled,
    uniform,
)
from tensorseed.spec.frameworks.keras import identity, truncated_normal

_Distribution = Literal["truncated_normal", "normal", "uniform"]


def _variance_scaling() -> Initializer:
    """VarianceScaling, whose `normal` is not truncated."""
    return Initializer(
        ("VarianceScaling",),
        "variance_scaling",
        "(scale, mode, distribution)",
        scaled,
        {
            "scale": (Positive, 1.0),
            "mode": (Fan, "fan_in"),
            "distribution": (_Distribution, "truncated_normal"),
        },
    )


def _uniform_scaling(scale: float) -> Any:
    return scaled(scale * scale, "fan_in", "uniform") if scale else "zeros"


HAIKU = Framework(
    title="Haiku",
    prefixes=("haiku", "haiku.initializers", "hk", "hk.initializers"),
    source="haiku.initializers of Haiku 0.0.10",
    initializers=(
        constant("Constant", "constant", ...),
        normal("RandomNormal", "stddev", 1.0),
        truncated_normal("TruncatedNormal", 1.0),
        uniform("RandomUniform", "minval", "maxval", (0.0, 1.0)),
        _variance_scaling(),
        Initializer(
            ("UniformScaling",),
            "variance_scaling",
            "(scale=scale², distribution=uniform)",
            _uniform_scaling,
            {"scale": GAIN},
        ),
        orthogonal("Orthogonal", "scale")._replace(ignored={"axis": -1}),
        identity("Identity")._replace(of_matrices=True),
    ),
    layout=KERNELS,
    refused={
        "axis": "axis belongs to the tensor: name it on the entry, as out of fan_axes",
        "fan_in_axes": "fan_in_axes belongs to the tensor: name them on the entry, as in of fan_axes",
    },
)

SONNET = Framework(
    title="Sonnet",
    prefixes=("sonnet", "sonnet.initializers", "snt", "snt.initializers"),
    source="sonnet.initializers of Sonnet 2",
    initializers=(
        bare("Zeros", "zeros"),
        bare("Ones", "ones"),
        constant("Constant", default=...),
        uniform("RandomUniform", "minval", "maxval", (0.0, 1.0)),
        normal("RandomNormal", "stddev", 1.0),
        truncated_normal("TruncatedNormal", 1.0),
        identity("Identity")._replace(of_matrices=True),
        orthogonal("Orthogonal"),
        _variance_scaling(),
    ),
    layout=KERNELS,
)
