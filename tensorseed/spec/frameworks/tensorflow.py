"""Initializers of TensorFlow 1."""

from __future__ import annotations

from tensorseed.spec.frameworks.base import (
    KERNELS,
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
from tensorseed.spec.frameworks.keras import glorot, identity, truncated_normal, variance_scaling

TENSORFLOW = Framework(
    title="TensorFlow 1",
    prefixes=("tf", "tf.compat.v1", "tensorflow", "tensorflow.compat.v1", ""),
    source="tf.compat.v1 of TensorFlow 2.16",
    initializers=(
        bare("zeros_initializer", "zeros"),
        bare("ones_initializer", "ones"),
        constant("constant_initializer"),
        uniform("random_uniform_initializer", "minval", "maxval", (0.0, 1.0)),
        normal("random_normal_initializer", "stddev", 1.0),
        truncated_normal("truncated_normal_initializer", 1.0),
        variance_scaling("variance_scaling_initializer"),
        *glorot("glorot_uniform_initializer", "glorot_normal_initializer"),
        Initializer(
            ("uniform_unit_scaling_initializer",),
            "variance_scaling",
            "(scale=factor², distribution=uniform)",
            lambda factor: scaled(factor * factor, distribution="uniform"),
            {"factor": (Positive, 1.0)},
        ),
        orthogonal("orthogonal_initializer"),
        identity("identity_initializer identity"),
    ),
    layout=KERNELS,
)
