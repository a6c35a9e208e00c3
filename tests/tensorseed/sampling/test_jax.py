"""Deviations and bounds of variance scaling against JAX's.

Statistics and bounds, not bits. JAX's own functions are the reference, in their layout, (*kernel, in, out).
"""

from __future__ import annotations

import json
import math
from typing import Any

import jax
import numpy as np
import pytest
from jax.nn import initializers

from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.distributions import TruncNormal, Uniform
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import tensor_arrays

SHAPES = [(784, 256), (3, 3, 16, 48), (5, 40, 24)]
AXES = {"in": -2, "out": -1}
MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS = ("normal", "uniform", "truncated_normal")
NAMED = {
    "glorot_uniform": initializers.glorot_uniform(),
    "glorot_normal": initializers.glorot_normal(),
    "he_uniform": initializers.he_uniform(),
    "he_normal": initializers.he_normal(),
    "lecun_uniform": initializers.lecun_uniform(),
    "lecun_normal": initializers.lecun_normal(),
}


def drawn(shape: tuple[int, ...], init: object) -> tuple[ResolvedTensor, np.ndarray]:
    layer = {"name": "w", "type": "Tensor", "shape": list(shape), "init": init, "fan_axes": AXES}
    file = open_file(parse_spec(json.dumps({"layers": [layer]}).encode(), Limits()))
    return tensor_arrays(file)[0]


def reference(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(initializer(jax.random.key(0), shape), np.float64)


def assert_same_deviation(ours: np.ndarray, theirs: np.ndarray) -> None:
    tolerance = 6 * math.sqrt(1 / ours.size)  # of two estimates, each within about 1/√(2n) of the truth
    assert ours.std() == pytest.approx(theirs.std(), rel=tolerance)
    assert abs(ours.mean() - theirs.mean()) < tolerance * theirs.std()


def bound_of(tensor: ResolvedTensor) -> float | None:
    match tensor.distribution:
        case Uniform(_, high) | TruncNormal(high=high):
            return high
    return None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("mode", MODES)
def test_variance_scaling(mode, distribution, shape):
    theirs = reference(initializers.variance_scaling(1.7, mode, distribution), shape)
    init = {"kind": "variance_scaling", "scale": 1.7, "mode": mode, "distribution": distribution}
    tensor, ours = drawn(shape, init)
    assert_same_deviation(ours, theirs)
    moments = tensor.distribution.moments(tensor.shape)
    assert moments is not None
    assert moments[1] == pytest.approx(theirs.std(), rel=6 / math.sqrt(theirs.size))
    bound = bound_of(tensor)
    if bound is not None:
        assert np.abs(theirs).max() <= bound * (1 + 1e-6)
        assert np.abs(theirs).max() == pytest.approx(bound, rel=0.01)
        assert np.abs(ours).max() == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMED)
def test_the_names_that_jax_and_keras_share(name, shape):
    theirs = reference(NAMED[name], shape)
    tensor, ours = drawn(shape, name)
    assert_same_deviation(ours, theirs)
    bound = bound_of(tensor)
    assert (bound is None) == (name in {"glorot_normal", "he_normal"})  # torch's, which are not truncated
    if bound is not None:
        assert np.abs(theirs).max() == pytest.approx(bound, rel=0.01)
        assert np.abs(ours).max() == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize(
    ("name", "scale", "mode"), [("glorot_normal", 1, "fan_avg"), ("he_normal", 2, "fan_in")]
)
def test_the_truncated_ones_are_variance_scaling(name, scale, mode):
    theirs = reference(NAMED[name], (784, 256))
    tensor, ours = drawn((784, 256), {"kind": "variance_scaling", "scale": scale, "mode": mode})
    assert_same_deviation(ours, theirs)
    assert np.abs(theirs).max() == pytest.approx(bound_of(tensor), rel=0.01)


@pytest.mark.parametrize("shape", [(64, 64), (90, 40), (40, 90)])
def test_orthogonal(shape):
    theirs = reference(initializers.orthogonal(2.0), shape)
    _, ours = drawn(shape, {"kind": "orthogonal", "gain": 2.0})
    for q in (ours, theirs):
        gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
        assert np.abs(gram - 4 * np.eye(min(shape))).max() < 1e-5
    assert_same_deviation(ours, theirs)


@pytest.mark.parametrize("shape", [(3, 16, 48), (3, 4, 16, 48), (2, 3, 5, 8, 8)])
def test_delta_orthogonal_in_jaxs_layout(shape):
    theirs = reference(initializers.delta_orthogonal(2.0), shape)
    _, ours = drawn(shape, {"kind": "delta_orthogonal", "gain": 2.0})
    assert np.array_equal(ours != 0, theirs != 0)
    for kernel in (ours, theirs):
        centre = kernel[tuple((size - 1) // 2 for size in shape[:-2])]
        assert np.abs(centre @ centre.T - 4 * np.eye(shape[-2])).max() < 1e-5
