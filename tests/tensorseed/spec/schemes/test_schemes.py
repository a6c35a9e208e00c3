"""Schemes: distributions by torch's and JAX's formulas, and refusals."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from tensorseed.sampling.distributions import (
    Axis,
    BilinearKernel,
    Constant,
    Dirac,
    Elementwise,
    Eye,
    KernelCentre,
    Normal,
    Orthogonal,
    Sinusoidal,
    Sparse,
    TruncNormal,
    Uniform,
    Values,
)
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.schemes import (
    SCHEME_CLASSES,
    SCHEMES,
    AnyScheme,
    ArgumentError,
    FanScheme,
    Init,
    Scheme,
    scheme_of,
)
from tensorseed.spec.schemes.fans import Axes, fans
from tests.tensorseed.draws import numbers

ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyScheme)
JAX_AXES = Axes((1,), (2,))
SHAPE = (64, 16, 3)  # fan_in 48, fan_out 192
STD = 1.0 / 0.87962566103423978


def scheme(kind: str, **parameters: Any) -> Scheme:
    made = ADAPTER.validate_python({"kind": kind, **parameters})
    assert isinstance(made, Scheme)
    return made


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (scheme("zeros"), Constant(0.0)),
        (scheme("ones"), Constant(1.0)),
        (scheme("constant", value=0.5), Constant(0.5)),
        (scheme("uniform"), Uniform(0.0, 1.0)),
        (scheme("normal", std=0.02), Normal(0.0, 0.02)),
        (scheme("trunc_normal"), TruncNormal(0.0, 1.0, -2.0, 2.0)),
        (scheme("xavier_normal"), Normal(0.0, math.sqrt(2.0 / 240))),
        (scheme("xavier_normal", gain=3), Normal(0.0, 3.0 * math.sqrt(2.0 / 240))),
        (scheme("xavier_uniform"), Uniform(*((s * math.sqrt(3.0) * math.sqrt(2.0 / 240)) for s in (-1, 1)))),
        (scheme("kaiming_normal", nonlinearity="relu"), Normal(0.0, math.sqrt(2.0) / math.sqrt(48))),
        (scheme("kaiming_normal", mode="fan_out"), Normal(0.0, math.sqrt(2.0) / math.sqrt(192))),
        (scheme("kaiming_normal", nonlinearity="tanh"), Normal(0.0, (5.0 / 3) / math.sqrt(48))),
        (
            scheme("kaiming_uniform", a=0.5),
            Uniform(*(s * (math.sqrt(3.0) * (math.sqrt(2.0 / 1.25) / math.sqrt(48))) for s in (-1, 1))),
        ),
        (
            scheme("lecun_normal"),
            TruncNormal(0.0, *(k * (math.sqrt(1 / 48) * 1 / 0.87962566103423978) for k in (1, -2, 2))),
        ),
        (scheme("lecun_uniform"), Uniform(-math.sqrt(3 / 48), math.sqrt(3 / 48))),
        (scheme("variance_scaling", scale=2.0, distribution="normal"), Normal(0.0, math.sqrt(2 / 48))),
        (scheme("variance_scaling", mode="fan_out", distribution="normal"), Normal(0.0, math.sqrt(1 / 192))),
        (scheme("variance_scaling", mode="fan_avg", distribution="normal"), Normal(0.0, math.sqrt(1 / 120))),
        (
            scheme("variance_scaling", mode="fan_geo_avg", distribution="normal"),
            Normal(0.0, math.sqrt(1 / 96)),
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Scheme) else "",
)
def test_distribution(made: Scheme, expected: object) -> None:
    assert made.distribution_for(SHAPE, fans(SHAPE)) == expected


def test_uniform_variance_scaling_is_lecun_and_he() -> None:
    counted = fans(SHAPE)
    lecun = scheme("lecun_uniform").distribution_for(SHAPE, counted)
    assert scheme("variance_scaling", distribution="uniform").distribution_for(SHAPE, counted) == lecun
    assert scheme("variance_scaling").distribution_for(SHAPE, counted) == scheme(
        "lecun_normal"
    ).distribution_for(SHAPE, counted)


@pytest.mark.parametrize(
    ("alias", "kind"), [("glorot_uniform", "xavier_uniform"), ("he_normal", "kaiming_normal")]
)
def test_aliases(alias: str, kind: str) -> None:
    assert SCHEMES[alias] is SCHEMES[kind]
    assert scheme_of(scheme(alias)) == scheme_of(alias) == scheme(kind)


PARAMETERS = {
    "constant": {"value": 1},
    "logit": {"p": 0.1},
    "values": {"data": []},
    "sparse": {"sparsity": 0.5},
    "log_uniform": {"a": 0.5, "b": 2},
    "log_of_uniform": {"a": 0.5, "b": 2},
    "decay": {"rates": (0.5, 0.25)},
    "weight_norm": {"of_shape": (6, 4), "std": 1.0},
    "parts": {"axis": 1, "parts": ({"init": "normal"},)},
}


@pytest.mark.parametrize("cls", SCHEME_CLASSES)
def test_a_tensor_without_elements_is_fine_with_every_scheme(cls: type[Scheme]) -> None:
    kind = cls.spellings()[0]
    kernels = {"dirac": (0, 3, 3), "delta_orthogonal": (0, 3, 3), "bilinear": (0, 3, 3, 3)}
    shapes = {**kernels, "sinusoidal": (0, 4), "decay": (2, 0, 1), "weight_norm": (1, 1)}
    shape = shapes.get(kind, (0, 3))
    parameters = {"of_shape": (0, 3), "std": 1} if kind == "weight_norm" else PARAMETERS.get(kind, {})
    filled = scheme(kind, **parameters).distribution_for(shape, fans(shape))
    assert filled is not None


@pytest.mark.parametrize(
    ("made", "shape", "expected"),
    [
        (scheme("orthogonal", gain=2), (6, 2, 3), Orthogonal(6, 6, 2.0)),
        (scheme("orthogonal"), (1 << 24, 16), Orthogonal(1 << 24, 16, 1.0)),
        (scheme("orthogonal"), (16, 1 << 12, 1 << 12), Orthogonal(16, 1 << 24, 1.0)),
        (scheme("orthogonal"), (11_008, 4_096), Orthogonal(11_008, 4_096, 1.0)),
        (scheme("orthogonal"), (16_384, 16_384), Orthogonal(16_384, 16_384, 1.0)),
        (scheme("sinusoidal"), (9, 6), Sinusoidal(6, 10000.0, False, True)),
        (
            scheme("sinusoidal", layout="interleaved", endpoint=False, max_timescale=7),
            (9, 6),
            Sinusoidal(6, 7.0, True, False),
        ),
        (scheme("sparse", sparsity=0.13), (100, 7), Sparse(100, 7, 13, 0.01)),
        (scheme("sparse", sparsity=0.131), (100, 7), Sparse(100, 7, 14, 0.01)),
        (
            scheme("dirac", groups=2),
            (6, 4, 5),
            KernelCentre(Dirac(4, 3), (Axis(5, 24),), (Axis(1, 5),), (2,)),
        ),
        (
            scheme("eye", gain=0.5),
            (6, 4, 5),
            KernelCentre(Dirac(4, 6, gain=0.5), (Axis(5, 24),), (Axis(1, 5),), (2,)),
        ),
        (
            scheme("bilinear"),
            (6, 3, 4, 5),
            BilinearKernel(Axis(20, 3), Axis(60, 6), Axis(5, 4), Axis(1, 5)),
        ),
        (
            scheme("delta_orthogonal"),
            (6, 4, 2, 5),
            KernelCentre(Orthogonal(6, 4, 1.0), (Axis(10, 24),), (Axis(5, 2), Axis(1, 5)), (0, 2)),
        ),
    ],
)
def test_structured_distribution(made: Scheme, shape: tuple[int, ...], expected: object) -> None:
    assert made.distribution_for(shape, fans(shape)) == expected


def test_a_kernel_of_jax_is_centred_on_its_own_axes() -> None:
    shape = (3, 4, 6)  # kernel, in, out
    expected = KernelCentre(Orthogonal(6, 4, 1.0), (Axis(1, 6), Axis(6, 4)), (Axis(24, 3),), (1,))
    assert scheme("delta_orthogonal").distribution_for(shape, fans(shape, JAX_AXES)) == expected


@pytest.mark.parametrize(
    ("made", "shape", "detail"),
    [
        (scheme("orthogonal"), (3,), "two dimensions"),
        (scheme("orthogonal"), (1 << 15, 1 << 14), "more than the 268,435,456 allowed.*split the tensor"),
        (scheme("orthogonal"), (1 << 24, 512), "operations before its first element.*split the tensor"),
        (scheme("sparse", sparsity=0.5), (3, 3, 3), "exactly two dimensions"),
        (scheme("sinusoidal"), (3,), "exactly two dimensions"),
        (scheme("sinusoidal"), (3, 5), "5 columns are an odd number"),
        (scheme("tril"), (3,), "at least two dimensions"),
        (scheme("dirac"), (3, 3), "use eye for matrices"),
        (scheme("dirac", groups=4), (6, 3, 3), "divide the 6 output channels"),
        (scheme("delta_orthogonal"), (3, 4, 3), "at least as many outputs"),
        (scheme("delta_orthogonal"), (3, 3), "use orthogonal for matrices"),
    ],
)
def test_structured_schemes_refuse(made: Scheme, shape: tuple[int, ...], detail: str) -> None:
    with pytest.raises(ValueError, match=detail):
        made.distribution_for(shape, fans(shape))


@pytest.mark.parametrize("shape", [(6, 3, 3), (6, 4, 5, 2), (4, 8, 1, 2, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_equals_torchs(shape: tuple[int, ...], groups: int) -> None:
    expected = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
    drawn = numbers(
        scheme("dirac", groups=groups).distribution_for(shape, fans(shape)), DTYPES["float32"], expected.size
    )
    assert np.array_equal(drawn.reshape(shape), expected)


@pytest.mark.parametrize("kind", ["xavier_uniform", "kaiming_normal", "variance_scaling", "lecun_normal"])
def test_fans_need_two_dimensions(kind: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} needs fan_in.*two dimensions.*use normal"):
        scheme(kind).distribution_for((3,), None)


def test_eye() -> None:
    assert scheme("eye").distribution_for((2, 5), fans((2, 5))) == Eye(5)
    assert scheme("eye", gain=0.5).distribution_for((2, 5), fans((2, 5))) == Eye(5, gain=0.5)
    with pytest.raises(ValueError, match="6 dimensions"):
        scheme("eye").distribution_for((2,) * 6, fans((2,) * 6))


def test_values() -> None:
    assert scheme("values", data=[[1, -0.0], [2.5, 3]]).distribution_for((2, 2), None) == Values(
        (1.0, -0.0, 2.5, 3.0)
    )
    assert scheme("values", data=7).distribution_for((), None) == Values((7.0,))
    assert scheme("values", data=[[], []]).distribution_for((2, 0), None) == Values(())


@pytest.mark.parametrize(
    ("data", "shape", "path", "detail"),
    [
        ([[1, 2], [3]], (2, 2), ("data", 1), "ragged"),
        ([1, 2], (3,), ("data",), r"shape \[2\], the tensor has the shape \[3\]"),
        ([[1], [2]], (2,), ("data", 0), r"shape \[2, 1\], the tensor has the shape \[2\]"),
        (1, (1,), ("data",), r"shape \[\]"),
        ([1, True], (2,), ("data", 1), "numbers only"),
        (["1"], (1,), ("data", 0), "numbers only"),
        ([10**400], (1,), ("data", 0), "finite"),
    ],
)
def test_values_of_another_shape(
    data: Any, shape: tuple[int, ...], path: tuple[Any, ...], detail: str
) -> None:
    with pytest.raises(ArgumentError, match=detail) as caught:
        scheme("values", data=data).distribution_for(shape, None)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "init",
    [
        {"kind": "normal", "std": -1},
        {"kind": "normal", "std": "1"},
        {"kind": "normal", "std": True},
        {"kind": "normal", "mean": math.nan},
        {"kind": "normal", "mean": math.inf},
        {"kind": "uniform", "a": 2},
        {"kind": "trunc_normal", "std": 0},
        {"kind": "trunc_normal", "a": 3},
        {"kind": "xavier_uniform", "gain": -1},
        {"kind": "kaiming_uniform", "mode": "fan_avg"},
        {"kind": "kaiming_uniform", "nonlinearity": "gelu"},
        {"kind": "variance_scaling", "scale": 0},
        {"kind": "sparse"},
        {"kind": "sparse", "sparsity": 1.5},
        {"kind": "dirac", "groups": 0},
        {"kind": "tril", "diagonal": 0.5},
        {"kind": "tril", "diagonal": 1 << 40},
        {"kind": "sinusoidal", "max_timescale": 0.5},
        {"kind": "sinusoidal", "layout": "thirds"},
        {"kind": "zeros", "value": 0},
        {"kind": "constant"},
        {},
        "constant",
        "nope",
        5,
    ],
)
def test_refused(init: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Init).validate_python(init)


@pytest.mark.parametrize("cls", SCHEME_CLASSES)
def test_a_scheme_is_random_where_its_values_depend_on_the_seed(cls: type[Scheme]) -> None:
    kind = cls.spellings()[0]
    kernels = {"delta_orthogonal": (6, 4, 5), "dirac": (6, 4, 5), "bilinear": (6, 3, 5, 5)}
    kernels |= {"weight_norm": (6, 1), "decay": (2, 5, 1)}
    shape = kernels.get(kind, (6, 4))
    parameters = {"data": np.ones(shape).tolist()} if kind == "values" else PARAMETERS.get(kind, {})
    distribution = scheme(kind, **parameters).distribution_for(shape, fans(shape))
    one, other = (numbers(distribution, DTYPES["float32"], math.prod(shape), seed=seed) for seed in (1, 2))
    assert cls.is_random == (not np.array_equal(one, other))


def test_a_distribution_that_lacks_a_method_is_none() -> None:
    class Forgetful(Elementwise):
        def check_values(self, dtype: Any) -> None:
            """Nothing to check."""

    with pytest.raises(TypeError, match=r"elements.*has_equal_slices.*magnitudes.*mean_and_variance"):
        Forgetful()  # type: ignore[abstract]


def test_a_scheme_without_a_distribution_is_none() -> None:
    class Forgetful(Scheme):
        pass

    class Unscaled(FanScheme):
        pass

    lacking: list[tuple[Any, str]] = [(Forgetful, "distribution_for"), (Unscaled, "scaled_by")]
    for cls, method in lacking:
        with pytest.raises(TypeError, match=method):
            cls(kind="forgetful")
        with pytest.raises(TypeError, match=method):
            cls.model_construct()
    assert not any(inspect.isabstract(cls) for cls in SCHEME_CLASSES)
