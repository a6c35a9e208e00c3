"""Keras's initializers against ours under their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorseed.spec.frameworks import find
from tensorseed.spec.frameworks.keras import KERAS
from tests.tensorseed.spec.frameworks.draws import CONVOLUTION, KERNEL, MATRIX, assert_alike, draw, gram

keras = pytest.importorskip("keras")

NAMES = [one.names[0] for one in KERAS.initializers]
OTHERS = [
    ("Constant", {"value": 0.25}),
    ("RandomUniform", {"minval": -1.0, "maxval": 3.0}),
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0}),
    ("Identity", {"gain": 0.5}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 0.5}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_avg", "distribution": "uniform"}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "normal"}),
]


def theirs(name: str, shape: tuple[int, ...], **parameters: Any) -> Any:
    keras.utils.set_random_seed(1)
    return np.asarray(getattr(keras.initializers, name)(**parameters)(shape))


@pytest.mark.parametrize(("name", "parameters"), [*((name, {}) for name in NAMES), *OTHERS])
def test_an_initializer_draws_as_keras_does(name: str, parameters: dict[str, Any]) -> None:
    ours, kerass = draw(f"keras.{name}", MATRIX, KERNEL, **parameters), theirs(name, MATRIX, **parameters)
    if "rthogonal" in name:
        np.testing.assert_allclose(gram(ours), gram(kerass), atol=2e-6)
    assert_alike(ours, kerass)


@pytest.mark.parametrize("name", ["LecunNormal"])
def test_fans_of_a_convolution_are_those_of_keras(name: str) -> None:
    assert_alike(draw(f"keras.{name}", CONVOLUTION, KERNEL), theirs(name, CONVOLUTION))


def test_the_axes_of_keras_become_fan_axes() -> None:
    axes = {"input_axes": [1], "output_axes": [0]}
    assert_alike(draw("keras.LecunNormal", MATRIX, **axes), theirs("LecunNormal", MATRIX, **axes))


def test_every_initializer_of_keras_has_its_name_here_or_a_reason() -> None:
    base = keras.initializers.Initializer
    found = [name for name, one in vars(keras.initializers).items() if isinstance(one, type)]
    for name in found:
        cls = getattr(keras.initializers, name)
        if cls is not base and name not in KERAS.excluded:
            initializer = find(f"keras.initializers.{name}")
            assert initializer is not None, name
            assert getattr(keras.initializers, initializer.initializer.names[0]) is cls


def test_a_truncated_normal_has_the_deviation_that_truncation_leaves() -> None:
    drawn = draw("keras.TruncatedNormal", (400, 250))
    assert drawn.std() == pytest.approx(0.05 * 0.8796256610342398, rel=0.01)
    assert np.abs(drawn).max() <= 0.1


@pytest.mark.parametrize("name", ["normal", "uniform", "zero", "one", "he_normal", "IdentityInitializer"])
def test_the_names_that_keras_looks_up_are_its_classes(name: str) -> None:
    found = find(f"keras.{name}")
    assert found is not None
    assert type(keras.initializers.get(name)).__name__ in found.initializer.names


@pytest.mark.parametrize("shape", [MATRIX, CONVOLUTION])
@pytest.mark.parametrize("name", ["LecunNormal", "HeUniform", "Orthogonal"])
def test_a_bare_kernel_has_the_layout_of_keras(name: str, shape: tuple[int, ...]) -> None:
    ours, kerass = draw(f"keras.{name}", shape), theirs(name, shape)
    if name.lower() == "orthogonal":
        np.testing.assert_allclose(gram(ours), gram(kerass), atol=2e-6)
    assert_alike(ours, kerass)
