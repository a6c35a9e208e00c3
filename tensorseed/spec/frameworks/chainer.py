"""Initializers of Chainer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from tensorseed.spec.frameworks.base import (
    GAIN,
    Framework,
    Init,
    Initializer,
    Parameter,
    around_zero,
    bare,
    constant,
    normal,
    scaled,
)
from tensorseed.spec.schemes.base import Scale

_SCALE: Parameter = (Scale, 1.0)
_OPTION: Parameter = (Literal["fan_in", "fan_out"], "fan_in")
_ORTHOGONAL: Parameter = (Scale, 1.1)
_BILINEAR = "it fills every pair of channels, right for groups of one: use bilinear with groups"


def _times(variance: float, distribution: str) -> Callable[..., Init]:
    """The function of scale: its square times the variance over a fan."""

    def init(scale: float, fan_option: str = "fan_in") -> Init:
        return scaled(variance * scale * scale, fan_option, distribution) if scale else "zeros"

    return init


def _of_fan(name: str, variance: float, distribution: str, **more: Parameter) -> Initializer:
    mode = "mode=fan_option, " if more else ""
    factor = f"{variance:g}·" if variance != 1.0 else ""
    arguments = f"(scale={factor}scale², {mode}distribution={distribution})"
    init = _times(variance, distribution)
    return Initializer((name,), "variance_scaling", arguments, init, {"scale": _SCALE, **more})


def _glorot(name: str, kind: str) -> Initializer:
    return Initializer(
        (name,), kind, "(gain=scale)", lambda scale: {"kind": kind, "gain": scale}, {"scale": GAIN}
    )


def _identity(scale: float) -> dict[str, Any]:
    return {"kind": "eye", "gain": scale}


CHAINER = Framework(
    title="Chainer",
    prefixes=("chainer", "chainer.initializers"),
    source="chainer.initializers of Chainer 7",
    initializers=(
        bare("Zero", "zeros"),
        bare("One", "ones"),
        constant("Constant", "fill_value", ...),
        Initializer(("Identity",), "eye", "(gain=scale)", _identity, {"scale": GAIN}, of_matrices=True),
        Initializer(
            ("Uniform",),
            "uniform",
            "(a=−scale, b=scale)",
            lambda scale: around_zero(scale),
            {"scale": (Scale, 0.05)},
        ),
        normal("Normal", "scale", 0.05, with_mean=False),
        _of_fan("LeCunUniform", 1.0, "uniform"),
        _of_fan("LeCunNormal", 1.0, "normal"),
        _glorot("GlorotUniform", "xavier_uniform"),
        _glorot("GlorotNormal", "xavier_normal"),
        _of_fan("HeUniform", 2.0, "uniform"),
        _of_fan("HeNormal", 2.0, "normal", fan_option=_OPTION),
        Initializer(
            ("Orthogonal",),
            "orthogonal",
            "(gain=scale)",
            lambda scale, **_: {"kind": "orthogonal", "gain": scale},
            {"scale": _ORTHOGONAL, "mode": (Literal["auto"], "auto")},
        ),
    ),
    refused={"rng": "the seed is the spec's, or the entry's own: write it there, and leave rng out here"},
    excluded={
        "NaN": "no scheme fills a tensor with NaN: use zeros",
        "UpsamplingDeconvFilter": _BILINEAR,
        "DownsamplingConvFilter": "no scheme averages neighbours: write its kernel as values",
    },
)
