"""Fillers of Caffe and of Caffe2."""

from __future__ import annotations

from typing import Literal

from tensorseed.spec.frameworks.base import (
    Framework,
    Init,
    Initializer,
    bare,
    constant,
    normal,
    scaled,
    uniform,
)

_Fan = Literal["FAN_IN", "FAN_OUT", "AVERAGE"]
_SPARSE = "a share of zeros in every column is the scheme sparse: use it"


def _xavier(variance_norm: str) -> Init:
    inits = {"FAN_IN": "lecun_uniform", "AVERAGE": "xavier_uniform"}
    return inits.get(variance_norm) or scaled(1.0, "fan_out", "uniform")


def _msra(variance_norm: str) -> Init:
    if variance_norm == "AVERAGE":
        return scaled(2.0, "fan_avg", "normal")
    return "kaiming_normal" if variance_norm == "FAN_IN" else {"kind": "kaiming_normal", "mode": "fan_out"}


CAFFE = Framework(
    title="Caffe",
    prefixes=("caffe",),
    source="filler.hpp and FillerParameter of Caffe 1.0",
    initializers=(
        constant("constant"),
        uniform("uniform", "min", "max", (0.0, 1.0)),
        normal("gaussian", "std", 1.0)._replace(ignored={"sparse": -1}),
        Initializer(
            ("xavier",),
            "lecun_uniform",
            " for FAN_IN, xavier_uniform for AVERAGE, "
            "variance_scaling(mode=fan_out, distribution=uniform) for FAN_OUT",
            _xavier,
            {"variance_norm": (_Fan, "FAN_IN")},
        ),
        Initializer(
            ("msra",),
            "kaiming_normal",
            " for FAN_IN, kaiming_normal(mode=fan_out) for FAN_OUT, "
            "variance_scaling(scale=2, mode=fan_avg, distribution=normal) for AVERAGE",
            _msra,
            {"variance_norm": (_Fan, "FAN_IN")},
        ),
    ),
    refused={"sparse": _SPARSE},
    excluded={
        "bilinear": "it fills every pair of channels, right for groups of one: use bilinear with groups",
        "positive_unitball": "no scheme has rows of positive numbers that sum to 1: write them as values",
    },
)

CAFFE2 = Framework(
    title="Caffe2",
    prefixes=("caffe2",),
    source="filler_op.h of Caffe2",
    initializers=(
        constant("ConstantFill"),
        uniform("UniformFill", "min", "max", (0.0, 1.0)),
        normal("GaussianFill", "std", 1.0),
        bare("XavierFill", "lecun_uniform"),
        Initializer(
            ("MSRAFill",),
            "kaiming_normal",
            "(mode=fan_out)",
            lambda: {"kind": "kaiming_normal", "mode": "fan_out"},
        ),
    ),
)
