"""Losses that torch lacks against Keras, optax, and the formula of each."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

from tensorseed.errors import LossError
from tensorseed.losses import LOSSES, Result, evaluate, read_loss
from tensorseed.losses.base import ComposedLoss
from tensorseed.losses.information import Measure
from tensorseed.spec.limits import Limits

NAMES = sorted(
    name for name, cls in LOSSES.items() if issubclass(cls, ComposedLoss) and not issubclass(cls, Measure)
)
GENERATOR = torch.Generator().manual_seed(5)


def uniform(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=GENERATOR, dtype=torch.float64)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=GENERATOR, dtype=torch.float64)


SHAPE = (3, 4, 5)
LOGITS, PROBABILITIES, NUMBERS = normal(*SHAPE) * 3, uniform(*SHAPE), normal(*SHAPE) * 2
MASKS = (uniform(*SHAPE) < 0.4).double()
PAIRS = {
    "sigmoid_focal_loss": (LOGITS, MASKS),
    "dice_loss": (PROBABILITIES, MASKS),
    "tversky_loss": (PROBABILITIES, MASKS),
    "quantile_loss": (NUMBERS, normal(*SHAPE)),
    "log_cosh_loss": (NUMBERS, normal(*SHAPE)),
}


def compute(name: str, x: torch.Tensor, y: torch.Tensor, **options: Any) -> Result:
    weight = {key: options.pop(key) for key in ("weight",) if key in options}
    return evaluate(read_loss(name, options, Limits(), {"input": x, "target": y, **weight}))


def jax_array(x: torch.Tensor) -> Any:
    return jnp.asarray(x.float().numpy())


def theirs(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float64))


def assert_near(ours: torch.Tensor, other: Any) -> None:
    torch.testing.assert_close(ours.double(), theirs(other), rtol=2e-5, atol=2e-6)


def test_these_are_the_losses_without_a_function_of_torch() -> None:
    assert set(NAMES) == set(PAIRS)
    assert all(LOSSES[name].function() is None and LOSSES[name].module is None for name in NAMES)


@pytest.mark.parametrize(("alpha", "gamma"), list(itertools.product((-1, 0.25, 0.9), (0.0, 0.5, 2.0))))
def test_the_focal_loss_is_that_of_optax_and_the_paper(alpha: float, gamma: float) -> None:
    ours = compute("sigmoid_focal_loss", LOGITS, MASKS, alpha=alpha, gamma=gamma, reduction="none").loss
    given = None if alpha == -1 else alpha
    x, y = jax_array(LOGITS), jax_array(MASKS)
    assert_near(ours, optax.losses.sigmoid_focal_loss(x, y, alpha=given, gamma=gamma))
    for x, y, found in zip(LOGITS.flatten(), MASKS.flatten(), ours.flatten(), strict=True):
        p = 1 / (1 + math.exp(-float(x)))
        right = p if y else 1 - p
        weight = 1.0 if alpha == -1 else (alpha if y else 1 - alpha)
        assert float(found) == pytest.approx(-weight * (1 - right) ** gamma * math.log(right), rel=1e-9)


def test_the_focal_loss_without_focus_is_the_binary_cross_entropy() -> None:
    for reduction in ("none", "mean", "sum"):
        options = {"reduction": reduction, "gradients": ["input"]}
        ours = compute("sigmoid_focal_loss", LOGITS, MASKS, alpha=-1, gamma=0, **options)
        plain = compute("binary_cross_entropy_with_logits", LOGITS, MASKS, **options)
        torch.testing.assert_close(ours.loss, plain.loss, rtol=1e-12, atol=0)
        assert ours.denominator == plain.denominator
        torch.testing.assert_close(ours.gradients, plain.gradients, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axis", [None, (1, 2), (2,), (0, -1)])
def test_the_overlaps_are_those_of_keras(axis: tuple[int, ...] | None) -> None:
    x, y = jax_array(PROBABILITIES), jax_array(MASKS)
    options: dict[str, Any] = {"axis": None if axis is None else list(axis)}
    dice = keras.losses.Dice(axis=axis)(y, x)
    assert_near(compute("dice_loss", PROBABILITIES, MASKS, **options).loss, dice)
    each = keras.losses.dice(y, x, axis=axis)
    assert_near(compute("dice_loss", PROBABILITIES, MASKS, **options, reduction="none").loss, each)
    swapped = keras.losses.tversky(y, x, alpha=0.7, beta=0.3, axis=axis)  # its alpha weighs false negatives
    options |= {"alpha": 0.3, "beta": 0.7, "reduction": "none"}
    assert_near(compute("tversky_loss", PROBABILITIES, MASKS, **options).loss, swapped)


def test_the_overlaps_of_monai_sum_over_the_space() -> None:
    """The definition of its DiceLoss and TverskyLoss: smoothed by 1e-5 above and below, for (N, C)."""
    options = {"axis": [2], "smooth": 1e-5, "eps": 0}
    dice, tversky = [], []
    for n, c in itertools.product(range(SHAPE[0]), range(SHAPE[1])):
        x, y = PROBABILITIES[n, c].tolist(), MASKS[n, c].tolist()
        both = sum(p * t for p, t in zip(x, y, strict=True))
        dice.append(1 - (2 * both + 1e-5) / (sum(x) + sum(y) + 1e-5))
        false_positives = sum(p * (1 - t) for p, t in zip(x, y, strict=True))
        false_negatives = sum((1 - p) * t for p, t in zip(x, y, strict=True))
        whole = both + 0.2 * false_positives + 0.8 * false_negatives
        tversky.append(1 - (both + 1e-5) / (whole + 1e-5))
    found = compute("dice_loss", PROBABILITIES, MASKS, **options)
    assert found.loss.item() == pytest.approx(np.mean(dice), rel=1e-12)
    assert found.denominator == len(dice)
    found = compute("tversky_loss", PROBABILITIES, MASKS, alpha=0.2, beta=0.8, **options)
    assert found.loss.item() == pytest.approx(np.mean(tversky), rel=1e-12)


def test_empty_masks() -> None:
    empty = torch.zeros(4)
    found = compute("dice_loss", empty, empty)
    assert found.loss == 1
    assert "give smooth" in found.notes[0]
    smoothed = compute("dice_loss", empty, empty, smooth=1.0)
    assert smoothed.loss.item() == pytest.approx(0, abs=1e-6)
    assert smoothed.notes == ()
    assert compute("tversky_loss", empty, empty, eps=0).loss.isnan()


@pytest.mark.parametrize(
    ("target", "guess", "alpha", "expected"),
    [
        ([1, 2, 3], [0, 2, 3], 0.1, 0.1 / 3),  # the examples of sklearn.metrics.mean_pinball_loss
        ([1, 2, 3], [1, 2, 4], 0.1, 0.3),
        ([1, 2, 3], [0, 2, 3], 0.9, 0.3),
        ([1, 2, 3], [1, 2, 4], 0.9, 0.1 / 3),
        ([1, 2, 3], [1, 2, 3], 0.1, 0),
    ],
)
def test_the_quantile_loss_is_that_of_scikit_learn(
    target: list[float], guess: list[float], alpha: float, expected: float
) -> None:
    x, y = torch.tensor(guess, dtype=torch.float64), torch.tensor(target, dtype=torch.float64)
    assert compute("quantile_loss", x, y, alpha=alpha).loss.item() == pytest.approx(expected)


def test_the_quantile_loss_by_element_and_weight() -> None:
    x, y = PAIRS["quantile_loss"]
    weight = uniform(*SHAPE)
    each = torch.where(y >= x, 0.8 * (y - x), 0.2 * (x - y))
    options = {"alpha": 0.8, "weight": weight}
    torch.testing.assert_close(
        compute("quantile_loss", x, y, reduction="none", **options).loss, weight * each
    )
    found = compute("quantile_loss", x, y, **options)
    torch.testing.assert_close(found.loss, (weight * each).sum() / weight.sum())
    assert found.denominator == pytest.approx(float(weight.sum()))
    assert compute("quantile_loss", x, y).loss.item() == pytest.approx(float((x - y).abs().mean()) / 2)


def test_the_smallest_quantile_loss_is_at_the_quantile() -> None:
    y = normal(1001)
    for alpha in (0.1, 0.5, 0.9):
        grid = torch.linspace(-3, 3, 601, dtype=torch.float64)
        means = [compute("quantile_loss", x.expand(1001), y, alpha=alpha).loss.item() for x in grid]
        assert float(grid[int(np.argmin(means))]) == pytest.approx(float(y.quantile(alpha)), abs=0.02)


def test_log_cosh_is_that_of_keras_and_optax() -> None:
    x, y = PAIRS["log_cosh_loss"]
    each = compute("log_cosh_loss", x, y, reduction="none").loss
    assert_near(each, optax.losses.log_cosh(jax_array(x), jax_array(y)))
    assert_near(each.mean(-1), keras.losses.log_cosh(jax_array(y), jax_array(x)))
    assert_near(compute("log_cosh_loss", x, y).loss, keras.losses.LogCosh()(jax_array(y), jax_array(x)))


def test_log_cosh_is_exact_near_zero_and_far_away() -> None:
    x = torch.tensor([0.0, 1e-3, -1e-3, 500.0, -500.0], dtype=torch.float64)
    found = compute("log_cosh_loss", x, torch.zeros_like(x), reduction="none", gradients=["input"])
    far = 500 - math.log(2)
    assert found.loss.tolist() == pytest.approx([0, 5e-7, 5e-7, far, far], rel=1e-6)
    torch.testing.assert_close(found.gradients["input"], x.tanh())
    single = compute("log_cosh_loss", x.float(), torch.zeros(5), reduction="none").loss
    assert float(single[1]) == pytest.approx(5e-7, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_differences(name: str) -> None:
    x, y = PAIRS[name]
    y = y.clamp(0.1, 0.9) if name in ("sigmoid_focal_loss", "dice_loss", "tversky_loss") else y
    found = compute(name, x, y, gradients=["input", "target"])
    assert found.gradients.keys() == {"input", "target"}
    step = 1e-6
    for key, index in itertools.product(("input", "target"), ((0, 0, 0), (1, 2, 3))):
        values = []
        for sign in (1, -1):
            moved = {"input": x.clone(), "target": y.clone()}
            moved[key][index] += sign * step
            values.append(compute(name, moved["input"], moved["target"]).loss.item())
        slope = (values[0] - values[1]) / (2 * step)
        assert float(found.gradients[key][index]) == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_reductions_and_denominators(name: str) -> None:
    x, y = PAIRS[name]
    options: dict[str, Any] = {"axis": 2} if name in ("dice_loss", "tversky_loss") else {}
    each = compute(name, x, y, reduction="none", **options)
    mean, total = compute(name, x, y, **options), compute(name, x, y, reduction="sum", **options)
    assert (each.denominator, total.denominator) == (None, 1.0)
    assert mean.denominator == each.loss.numel()
    torch.testing.assert_close(mean.loss, each.loss.mean())
    torch.testing.assert_close(total.loss, each.loss.sum())
    empty = compute(name, torch.zeros(0, 3), torch.zeros(0, 3), **({"axis": 1} if options else {}))
    assert empty.loss.isnan()
    assert (empty.denominator, len(empty.notes)) == (0.0, 1)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert compute(name, x.to(dtype), y.to(dtype), **options).loss.dtype == dtype


@pytest.mark.parametrize(
    ("name", "document", "pointer", "words"),
    [
        ("sigmoid_focal_loss", {"alpha": -0.5}, "/alpha", "from 0 to 1, or -1"),
        ("sigmoid_focal_loss", {"alpha": 2}, "/alpha", "at most 1"),
        ("sigmoid_focal_loss", {"gamma": -1}, "/gamma", "at least 0"),
        ("sigmoid_focal_loss", {"target": [0.5, 2]}, "/target/1", "from 0 to 1"),
        ("dice_loss", {"input": [0.5, 3]}, "/input/1", "apply a sigmoid"),
        ("dice_loss", {"axis": 1}, "/axis", "axis has 1 and input the shape (2,) with the axes -1 to 0"),
        ("dice_loss", {"axis": [0, -1]}, "/axis", "names an axis twice"),
        ("dice_loss", {"input": 0.5, "target": 1.0, "axis": [0]}, "/axis", "no axes"),
        ("tversky_loss", {"beta": -1}, "/beta", "at least 0"),
        ("tversky_loss", {"smooth": -1}, "/smooth", "at least 0"),
        ("quantile_loss", {"alpha": 1.5}, "/alpha", "at most 1"),
        ("quantile_loss", {"weight": [1]}, "/weight", "(1,)"),
        ("log_cosh_loss", {"target": [[1.0, 2.0]]}, "/target", "(1, 2)"),
    ],
)
def test_faults(name: str, document: dict[str, Any], pointer: str, words: str) -> None:
    given = {"input": [0.5, 0.25], "target": [1.0, 0.0], **document}
    with pytest.raises(LossError) as caught:
        read_loss(name, given, Limits())
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert words in fault.detail
