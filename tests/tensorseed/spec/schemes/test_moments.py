"""Theoretical moments, against scipy, numpy and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tensorseed.files.virtual_file import open_file
from tensorseed.spec.resolved import ResolvedTensor
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.spec.test_spec import parse, tensor


def moments(tensor: ResolvedTensor) -> tuple[float, float] | None:
    return tensor.distribution.moments(tensor.shape)


def of(init: Any, shape: Any = (4, 6), **fields: Any) -> tuple[float, float] | None:
    return moments(parse(tensor(shape=list(shape), init=init, dtype="float64", **fields)).tensors[0])


@pytest.mark.parametrize(
    ("init", "mean", "std"),
    [
        ("zeros", 0.0, 0.0),
        ({"kind": "constant", "value": 3}, 3.0, 0.0),
        ({"kind": "uniform", "a": -1, "b": 3}, 1.0, 4 / 12**0.5),
        ({"kind": "normal", "mean": 2, "std": 0.5}, 2.0, 0.5),
        ("eye", 4 / 24, np.eye(4, 6).std()),
        ({"kind": "eye", "gain": 0.5}, 2 / 24, np.eye(4, 6).std() / 2),
        ({"kind": "logit", "p": 0.5}, 0.0, 0.0),
        ("siren", 0.0, (6 / 6) ** 0.5 / 30 / 3**0.5),
        ({"kind": "xavier_uniform", "gain": 2}, 0.0, 2 * (2 / 10) ** 0.5),
        ("xavier_normal", 0.0, (2 / 10) ** 0.5),
        ({"kind": "variance_scaling", "scale": 3}, 0.0, (3 / 6) ** 0.5),
        ("lecun_normal", 0.0, (1 / 6) ** 0.5),
        ({"kind": "orthogonal", "gain": 2}, 0.0, 2 / 6**0.5),
        ({"kind": "sparse", "sparsity": 0.3, "std": 2}, 0.0, 2 * 0.5**0.5),
    ],
)
def test_moments(init: Any, mean: float, std: float) -> None:
    assert of(init) == pytest.approx((mean, std), rel=1e-12)


@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [(0, 1, -2, 2), (1, 0.5, 0, 9), (0, 1, 3, 4), (0, 2, -30, -10), (0, 1, 1, 1.001)],
)
def test_truncated_normal(mean: float, std: float, low: float, high: float) -> None:
    reference = stats.truncnorm((low - mean) / std, (high - mean) / std, loc=mean, scale=std)
    found = of({"kind": "trunc_normal", "mean": mean, "std": std, "a": low, "b": high})
    assert found == pytest.approx((reference.mean(), reference.std()), rel=1e-5)


def test_a_far_tail_is_exponential() -> None:
    found = of({"kind": "trunc_normal", "a": 36, "b": 100})
    assert found is not None
    assert found == pytest.approx((36 + 1 / 36, 1 / 36), rel=1e-2)


def test_literal_values() -> None:
    data = [[1.0, 2.0], [4.0, -8.0]]
    assert of({"kind": "values", "data": data}, (2, 2)) == pytest.approx((np.mean(data), np.std(data)))


def test_the_padding_row_counts() -> None:
    entry = {"name": "e", "type": "Embedding", "num_embeddings": 4, "embedding_dim": 3, "padding_idx": 0}
    assert moments(parse(entry).tensors[0]) == pytest.approx((0.0, 0.75**0.5))


def test_no_elements_no_moments() -> None:
    assert of("normal", (0, 3)) is None


@pytest.mark.parametrize(
    ("init", "shape"),
    [
        ({"kind": "dirac", "groups": 2}, (8, 3, 5)),
        ({"kind": "delta_orthogonal", "gain": 3}, (9, 7, 3, 3)),
        ("orthogonal", (300, 200)),
        ({"kind": "sparse", "sparsity": 0.9}, (200, 300)),
        ("sinusoidal", (200, 300)),
        ({"kind": "sinusoidal", "layout": "interleaved", "endpoint": False}, (70, 40)),
        ({"kind": "log_uniform", "a": 0.001, "b": 0.1}, (300, 200)),
        ({"kind": "log_of_uniform", "a": 0.01, "b": 16}, (300, 200)),
        ("inverse_softplus_log_uniform", (300, 200)),
        ({"kind": "inverse_softplus_log_uniform", "floor": 0.05}, (300, 200)),
        ("rg_lru", (300, 200)),
        ({"kind": "decay", "rates": [0.5, 0.01]}, (2, 300, 3)),
        ({"kind": "decay", "rates": [0.5, 0.01], "distance": "future"}, (2, 300, 3)),
        ({"kind": "decay", "rates": [0.5, 0.01], "distance": "between"}, (2, 2, 90, 80)),
        ({"kind": "power", "a": -5, "b": 3, "exponent": 0.7}, (3, 5_000)),
    ],
)
def test_structured_tensors_have_their_moments(init: Any, shape: Any) -> None:
    """Of one draw; a centred orthogonal matrix has no sampling error in its sum of squares."""
    file = open_file(parse(tensor(shape=list(shape), init=init, dtype="float64")))
    (_, drawn), *_ = tensor_arrays(file)
    found = moments(file.resolved.tensors[0])
    assert found is not None
    mean, std = found
    assert drawn.mean() == pytest.approx(mean, abs=5 * std / drawn.size**0.5)
    assert drawn.std() == pytest.approx(std, rel=0.03)
