"""Initializers of MindSpore."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tensorseed.spec.frameworks.base import (
    GAIN,
    MEAN,
    Fan,
    Framework,
    Init,
    Initializer,
    Positive,
    around_zero,
    bare,
    constant,
    orthogonal,
    scaled,
    truncated,
)
from tensorseed.spec.numbers import EXACT, Float64
from tensorseed.spec.schemes.base import Scale
from tensorseed.spec.schemes.fans import Nonlinearity


def _check_nonlinearity(name: str) -> str:
    if name == "selu":
        raise ValueError("MindSpore has no gain for selu: use kaiming_normal or kaiming_uniform")
    return name


_Nonlinearity = Annotated[Nonlinearity, AfterValidator(_check_nonlinearity)]
_DISTRIBUTIONS = {
    "uniform": "uniform",
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "normal",
}
_BOUNDS = "{0} is in values or in deviations by the version: use trunc_normal, with a and b or with cutoff"


def _glorot(name: str, kind: str) -> Initializer:
    names = (name, kind)
    return Initializer(names, kind, "(gain)", lambda gain: {"kind": kind, "gain": gain}, {"gain": GAIN})


def _he(name: str, alias: str, kind: str) -> Initializer:
    def init(negative_slope: float, mode: str, nonlinearity: str) -> Init:
        slope = {"a": negative_slope} if nonlinearity == "leaky_relu" else {}
        return {"kind": kind, "mode": mode, "nonlinearity": nonlinearity, **slope}

    return Initializer(
        (name, alias),
        kind,
        "(a=negative_slope, mode, nonlinearity)",
        init,
        {
            "negative_slope": (Float64, 0.0),
            "mode": (Literal["fan_in", "fan_out"], "fan_in"),
            "nonlinearity": (_Nonlinearity, "leaky_relu"),
        },
    )


def _sparse(sparsity: float, sigma: float) -> dict[str, Any]:
    return {"kind": "sparse", "sparsity": sparsity, "std": sigma}


def _variance_scaling(scale: float, mode: str, distribution: str) -> Init:
    return scaled(scale, mode, _DISTRIBUTIONS[distribution])


MINDSPORE = Framework(
    title="MindSpore",
    prefixes=("mindspore", "mindspore.common.initializer", "ms", "ms.common.initializer"),
    source="mindspore.common.initializer of MindSpore 2",
    initializers=(
        bare("Zero zeros", "zeros"),
        bare("One ones", "ones"),
        constant("Constant", default=...),
        Initializer(
            ("Uniform", "uniform"),
            "uniform",
            "(a=−scale, b=scale)",
            lambda scale: around_zero(scale),
            {"scale": (Scale, 0.07)},
        ),
        Initializer(
            ("Normal", "normal"),
            "normal",
            "(mean, std=sigma)",
            lambda sigma, mean: {"kind": "normal", "mean": mean, "std": sigma},
            {"sigma": (Scale, 0.01), "mean": MEAN},
        ),
        Initializer(
            ("TruncatedNormal", "truncatednormal"),
            "trunc_normal",
            "(std=sigma, a=−2·sigma, b=2·sigma)",
            lambda sigma: truncated(0.0, sigma),
            {"sigma": (Positive, 0.01)},
        ),
        _glorot("XavierUniform", "xavier_uniform"),
        _glorot("XavierNormal", "xavier_normal"),
        _he("HeUniform", "he_uniform", "kaiming_uniform"),
        _he("HeNormal", "he_normal", "kaiming_normal"),
        Initializer(("Identity", "identity"), "eye", "", lambda: "eye", of_matrices=True),
        Initializer(
            ("Sparse", "sparse"),
            "sparse",
            "(sparsity, std=sigma)",
            _sparse,
            {"sparsity": (Annotated[float, Field(ge=0.0, le=1.0), EXACT], ...), "sigma": (Scale, 0.01)},
        ),
        Initializer(
            ("Dirac", "dirac"),
            "dirac",
            "(groups)",
            lambda groups: {"kind": "dirac", "groups": groups},
            {"groups": (Annotated[int, Field(ge=1)], 1)},
        ),
        orthogonal("Orthogonal orthogonal"),
        Initializer(
            ("VarianceScaling", "variancescaling"),
            "variance_scaling",
            "(scale, mode, distribution), untruncated_normal being normal",
            _variance_scaling,
            {
                "scale": (Positive, 1.0),
                "mode": (Fan, "fan_in"),
                "distribution": (
                    Literal["uniform", "truncated_normal", "untruncated_normal"],
                    "truncated_normal",
                ),
            },
        ),
    ),
    refused={"a": _BOUNDS.format("a"), "b": _BOUNDS.format("b")},
)
