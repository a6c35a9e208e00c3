"""Initializers of Keras, of TensorFlow's own one too."""

from __future__ import annotations

from typing import Any, Literal

from tensorseed.spec.frameworks.base import (
    GAIN,
    KERNELS,
    MEAN,
    Fan,
    Framework,
    Init,
    Initializer,
    Positive,
    bare,
    constant,
    normal,
    orthogonal,
    scaled,
    truncated,
    uniform,
)

DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
}
"""Its names of distributions, with those of variance_scaling."""

Distribution = Literal["truncated_normal", "normal", "untruncated_normal", "uniform"]

_STFT = "a kernel of Fourier transforms is no init: compute it, and write it as values"
_EITHER = (
    "its defaults changed with TensorFlow 2: write tf.{0}_initializer for those of TensorFlow 1, or keras.{1}"
)

_TRUNCATED = "(mean, std=stddev, a=mean − 2·stddev, b=mean + 2·stddev)"


def variance_scaling(names: str) -> Initializer:
    """VarianceScaling, whose `normal` is truncated."""
    return Initializer(
        tuple(names.split()),
        "variance_scaling",
        "(scale, mode, distribution), normal being truncated_normal and untruncated_normal normal",
        _variance_scaling,
        {
            "scale": (Positive, 1.0),
            "mode": (Fan, "fan_in"),
            "distribution": (Distribution, "truncated_normal"),
        },
        has_axes=True,
    )


def _variance_scaling(scale: float, mode: str, distribution: str) -> Init:
    return scaled(scale, mode, DISTRIBUTIONS[distribution])


def glorot(uniform_names: str, normal_names: str) -> tuple[Initializer, ...]:
    """The uniform and the normal one of Glorot, by their names. The normal one is truncated."""
    return (
        _fixed(uniform_names, "xavier_uniform"),
        _fixed(normal_names, scaled(1.0, "fan_avg"), "(mode=fan_avg)"),
    )


def he(uniform_names: str, normal_names: str) -> tuple[Initializer, ...]:
    """The uniform and the normal one of He, by their names. The normal one is truncated."""
    return (
        _fixed(uniform_names, "kaiming_uniform"),
        _fixed(normal_names, scaled(2.0), "(scale=2)"),
    )


def lecun(uniform_names: str, normal_names: str) -> tuple[Initializer, ...]:
    """The uniform and the normal one of LeCun, by their names."""
    return (
        _fixed(uniform_names, "lecun_uniform"),
        _fixed(normal_names, "lecun_normal"),
    )


def _fixed(names: str, init: Init, arguments: str = "") -> Initializer:
    kind = init if isinstance(init, str) else str(init["kind"])
    return Initializer(tuple(names.split()), kind, arguments, lambda: init, has_axes=True)


def truncated_normal(names: str, default: float) -> Initializer:
    """A normal one that is truncated at two deviations, of which `stddev` is one before truncation."""
    return Initializer(
        tuple(names.split()),
        "trunc_normal",
        _TRUNCATED,
        lambda mean, stddev: truncated(mean, stddev),
        {"mean": MEAN, "stddev": (Positive, default)},
    )


def identity(names: str) -> Initializer:
    """The identity matrix, with a gain."""
    return Initializer(tuple(names.split()), "eye", "(gain)", _identity, {"gain": GAIN})


def _identity(gain: float) -> dict[str, Any]:
    return {"kind": "eye"} if gain == 1.0 else {"kind": "eye", "gain": gain}


KERAS = Framework(
    title="Keras",
    prefixes=(
        "keras",
        "keras.initializers",
        "tf.keras",
        "tf.keras.initializers",
        "tensorflow.keras",
        "tensorflow.keras.initializers",
        "tf.initializers",
    ),
    source="keras.initializers of Keras 3.15",
    initializers=(
        bare("Zeros zeros zero", "zeros"),
        bare("Ones ones one", "ones"),
        constant("Constant constant"),
        uniform("RandomUniform random_uniform uniform", "minval", "maxval", (-0.05, 0.05)),
        normal("RandomNormal random_normal normal", "stddev", 0.05),
        truncated_normal("TruncatedNormal truncated_normal", 0.05),
        variance_scaling("VarianceScaling variance_scaling"),
        *glorot("GlorotUniform glorot_uniform", "GlorotNormal glorot_normal"),
        *he("HeUniform he_uniform", "HeNormal he_normal"),
        *lecun("LecunUniform lecun_uniform", "LecunNormal lecun_normal"),
        orthogonal("Orthogonal orthogonal OrthogonalInitializer"),
        identity("Identity identity IdentityInitializer"),
    ),
    axes={"input_axes": ("in", None), "output_axes": ("out", None)},
    layout=KERNELS,
    others_repeat=True,
    excluded={
        **dict.fromkeys(("STFT", "stft", "STFTInitializer"), _STFT),
        "tf.initializers.random_normal": _EITHER.format("random_normal", "RandomNormal"),
        "tf.initializers.random_uniform": _EITHER.format("random_uniform", "RandomUniform"),
        "tf.initializers.truncated_normal": _EITHER.format("truncated_normal", "TruncatedNormal"),
    },
)
