"""Initializers of MXNet."""

from __future__ import annotations

from typing import Literal

from tensorseed.spec.frameworks.base import (
    Framework,
    Init,
    Initializer,
    Positive,
    around_zero,
    bare,
    constant,
    normal,
    scaled,
)
from tensorseed.spec.numbers import Float64
from tensorseed.spec.schemes.base import Scale

_Factor = Literal["avg", "in", "out"]
_Random = Literal["uniform", "gaussian"]


def _xavier(rnd_type: str, factor_type: str, magnitude: float) -> Init:
    if (rnd_type, factor_type, magnitude) == ("uniform", "avg", 3.0):
        return "xavier_uniform"
    if rnd_type == "uniform":
        return scaled(magnitude / 3.0, f"fan_{factor_type}", "uniform")
    return scaled(magnitude, f"fan_{factor_type}", "normal")


MXNET = Framework(
    title="MXNet",
    prefixes=("mxnet", "mx", "mxnet.init", "mx.init", "mxnet.initializer", "mx.initializer"),
    source="mxnet.initializer of MXNet 1.9",
    initializers=(
        bare("Zero", "zeros"),
        bare("One", "ones"),
        constant("Constant", default=...),
        Initializer(
            ("Uniform",),
            "uniform",
            "(a=−scale, b=scale)",
            lambda scale: around_zero(scale),
            {"scale": (Scale, 0.07)},
        ),
        normal("Normal", "sigma", 0.01, with_mean=False),
        Initializer(
            ("Xavier",),
            "xavier_uniform",
            "; of other arguments variance_scaling(scale, mode, distribution) with scale "
            "magnitude / 3 for uniform and magnitude for gaussian",
            _xavier,
            {
                "rnd_type": (_Random, "uniform"),
                "factor_type": (_Factor, "avg"),
                "magnitude": (Positive, 3.0),
            },
        ),
        Initializer(
            ("MSRAPrelu",),
            "variance_scaling",
            "(scale=2 / (1 + slope²), mode=fan_ + factor_type, distribution=normal)",
            lambda factor_type, slope: scaled(2.0 / (1.0 + slope * slope), f"fan_{factor_type}", "normal"),
            {"factor_type": (_Factor, "avg"), "slope": (Float64, 0.25)},
        ),
    ),
    excluded={
        "Bilinear": "it fills every pair of channels, right for groups of one: use bilinear with groups",
        "Orthogonal": "it decomposes uniform numbers, whose factor is not Haar-distributed: use orthogonal, "
        "with its scale, 1.414, as gain",
        "LSTMBias": "its parts are as long as the hidden state, H numbers: write "
        '{"kind": "parts", "parts": [{"size": H, "init": "zeros"}, {"size": H, "init": "ones"}, '
        '{"size": 2H, "init": "zeros"}]}, with its forget_bias as a constant in the place of ones',
        "FusedRNN": "its vector holds the weights of all gates: write each as a tensor, or use an LSTM",
    },
)
