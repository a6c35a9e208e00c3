"""Initializers of JAX and of Flax."""

from __future__ import annotations

from typing import Literal

from tensorseed.spec.frameworks.base import (
    KERNELS,
    Framework,
    Init,
    Initializer,
    Positive,
    bare,
    check_order,
    constant,
    normal,
    orthogonal,
    scaled,
    truncated,
)
from tensorseed.spec.frameworks.keras import glorot, he, lecun
from tensorseed.spec.numbers import Bound
from tensorseed.spec.schemes.base import Scale

_Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
_Distribution = Literal["truncated_normal", "normal", "uniform"]
_LAST = {"column_axis": -1}
_COLUMNS = "name the axis of the columns on the entry, as out of fan_axes"


def _truncated_normal(stddev: float, lower: float, upper: float) -> Init:
    check_order("lower", lower, "upper", upper)
    return truncated(0.0, stddev, lower, upper)


JAX = Framework(
    title="JAX",
    prefixes=(
        "jax",
        "jax.nn.initializers",
        "jax.initializers",
        "flax",
        "flax.linen.initializers",
        "flax.nnx.initializers",
        "nn.initializers",
        "nnx.initializers",
    ),
    source="jax.nn.initializers of JAX 0.10, which Flax 0.12 has too",
    initializers=(
        bare("zeros zeros_init", "zeros"),
        bare("ones ones_init", "ones"),
        constant("constant", default=...),
        Initializer(
            ("uniform",),
            "uniform",
            "(a=0, b=scale)",
            lambda scale: {"kind": "uniform", "a": 0.0, "b": scale},
            {"scale": (Scale, 0.01)},
        ),
        normal("normal", "stddev", 0.01, with_mean=False),
        Initializer(
            ("truncated_normal",),
            "trunc_normal",
            "(std=stddev, a=lower·stddev, b=upper·stddev)",
            _truncated_normal,
            {"stddev": (Positive, 0.01), "lower": (Bound, -2.0), "upper": (Bound, 2.0)},
        ),
        Initializer(
            ("variance_scaling",),
            "variance_scaling",
            "(scale, mode, distribution)",
            scaled,
            {"scale": (Positive, ...), "mode": (_Mode, ...), "distribution": (_Distribution, ...)},
            has_axes=True,
        ),
        *glorot("glorot_uniform xavier_uniform", "glorot_normal xavier_normal"),
        *he("he_uniform kaiming_uniform", "he_normal kaiming_normal"),
        *lecun("lecun_uniform", "lecun_normal"),
        orthogonal("orthogonal", "scale")._replace(ignored=_LAST),
        orthogonal("delta_orthogonal", "scale", "delta_orthogonal")._replace(ignored=_LAST),
    ),
    axes={"in_axis": ("in", -2), "out_axis": ("out", -1), "batch_axis": ("batch", None)},
    layout=KERNELS,
    refused={"column_axis": f"column_axis belongs to the tensor: {_COLUMNS}"},
)
