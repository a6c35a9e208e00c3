"""JAX's and Flax's initializers against ours under their names."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from flax import linen, nnx

from tensorseed.spec.frameworks import find
from tensorseed.spec.frameworks.jax import JAX
from tests.tensorseed.spec.frameworks.draws import CONVOLUTION, KERNEL, MATRIX, assert_alike, draw, gram

PLAIN = ("zeros", "ones", "zeros_init", "ones_init")  # no factories in jax
NAMES = [one.names[0] for one in JAX.initializers if not one.required and one.names[0] not in PLAIN]
OTHERS = [
    ("constant", {"value": 0.25}),
    ("uniform", {"scale": 3.0}),
    ("normal", {"stddev": 2.0}),
    ("truncated_normal", {"stddev": 0.5, "lower": -1.0, "upper": 3.0}),
    ("variance_scaling", {"scale": 3.0, "mode": "fan_in", "distribution": "normal"}),
    ("variance_scaling", {"scale": 3.0, "mode": "fan_geo_avg", "distribution": "uniform"}),
    ("variance_scaling", {"scale": 3.0, "mode": "fan_out", "distribution": "truncated_normal"}),
]


def theirs(name: str, shape: tuple[int, ...], **parameters: Any) -> Any:
    return np.asarray(getattr(linen.initializers, name)(**parameters)(jax.random.key(1), shape))


@pytest.mark.parametrize(
    ("name", "parameters"), [*((name, {}) for name in NAMES if "delta" not in name), *OTHERS]
)
def test_an_initializer_draws_as_jax_does(name: str, parameters: dict[str, Any]) -> None:
    ours, jaxs = draw(f"jax.{name}", MATRIX, KERNEL, **parameters), theirs(name, MATRIX, **parameters)
    if name == "orthogonal":
        np.testing.assert_allclose(gram(ours), gram(jaxs), atol=2e-6)
    assert_alike(ours, jaxs)


def test_a_delta_orthogonal_kernel_is_that_of_jax() -> None:
    shape = (3, 5, 8, 12)
    ours, jaxs = (
        draw("jax.delta_orthogonal", shape, KERNEL, scale=2.0),
        theirs("delta_orthogonal", shape, scale=2.0),
    )
    np.testing.assert_array_equal(ours.any(axis=(2, 3)), jaxs.any(axis=(2, 3)))
    np.testing.assert_allclose(ours[1, 2] @ ours[1, 2].T, jaxs[1, 2] @ jaxs[1, 2].T, atol=1e-5)


@pytest.mark.parametrize("name", PLAIN)
def test_constants_are_those_of_flax(name: str) -> None:
    assert np.all(draw(f"flax.{name}", (2, 3)) == (1.0 if name.startswith("ones") else 0.0))


@pytest.mark.parametrize("name", ["lecun_normal"])
def test_fans_of_a_convolution_are_those_of_jax(name: str) -> None:
    assert_alike(draw(f"jax.{name}", CONVOLUTION, KERNEL), theirs(name, CONVOLUTION))


@pytest.mark.parametrize(
    "axes", [{"in_axis": 0, "out_axis": 1}, {"in_axis": 1, "out_axis": 0}, {"out_axis": 1}]
)
def test_the_axes_of_jax_become_fan_axes_with_its_defaults(axes: dict[str, int]) -> None:
    assert_alike(draw("jax.lecun_normal", MATRIX, **axes), theirs("lecun_normal", MATRIX, **axes))


@pytest.mark.parametrize(
    ("module", "prefix"),
    [
        (jax.nn.initializers, "jax.nn.initializers"),
        (linen.initializers, "flax.linen.initializers"),
        (nnx.initializers, "flax.nnx.initializers"),
    ],
)
def test_every_initializer_has_its_name_here(module: Any, prefix: str) -> None:
    for name in dir(module):
        if name[0].islower() and callable(getattr(module, name)):
            found = find(f"{prefix}.{name}")
            assert found is not None, name
            one, other = getattr(module, name), getattr(module, found.initializer.names[0])
            assert one is other or name.endswith("_init")


@pytest.mark.parametrize("shape", [MATRIX, CONVOLUTION])
@pytest.mark.parametrize("name", ["lecun_normal", "he_uniform", "orthogonal"])
def test_a_bare_kernel_has_the_layout_of_jax(name: str, shape: tuple[int, ...]) -> None:
    ours, jaxs = draw(f"jax.{name}", shape), theirs(name, shape)
    if name.lower() == "orthogonal":
        np.testing.assert_allclose(gram(ours), gram(jaxs), atol=2e-6)
    assert_alike(ours, jaxs)
