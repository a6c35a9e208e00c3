"""The losses of a network that knows nothing: one whose output is the same neutral number everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tensorseed.losses import Loss
from tensorseed.spec.layers.base import Shape


@dataclass(frozen=True)
class Expectation:
    """The neutral output for one loss, by the output's shape, and the formula that follows, in words."""

    output: Callable[[Shape], float]
    words: Callable[[Shape], str]
    holds: Callable[[Loss], bool] = lambda _: True


def _classes(shape: Shape) -> int:
    return shape[0] if len(shape) == 1 else shape[1]


def _zero(words: str, holds: Callable[[Loss], bool] = lambda _: True) -> Expectation:
    return Expectation(lambda _: 0.0, lambda _: words, holds)


EXPECTATIONS: dict[str, Expectation] = {
    "cross_entropy": Expectation(
        lambda _: 0.0, lambda shape: f"ln C for C = {_classes(shape)} classes: all logits are 0"
    ),
    "nll_loss": Expectation(
        lambda shape: -math.log(_classes(shape)),
        lambda shape: f"ln C for C = {_classes(shape)} classes: all log-probabilities are -ln C",
    ),
    "binary_cross_entropy": Expectation(lambda _: 0.5, lambda _: "ln 2: all probabilities are 1/2"),
    "binary_cross_entropy_with_logits": _zero("ln 2: all logits are 0"),
    "kl_div": Expectation(
        lambda shape: -math.log(shape[-1]),
        lambda shape: f"ln C - H(target) for C = {shape[-1]}: all log-probabilities are -ln C",
    ),
    "poisson_nll_loss": _zero(
        "1: all logarithms of rates are 0", lambda loss: bool(getattr(loss, "log_input", True))
    ),
    "soft_margin_loss": _zero("ln 2: all outputs are 0"),
    "multilabel_soft_margin_loss": _zero("ln 2: all logits are 0"),
    "multi_margin_loss": _zero("margin^p (C - 1) / C: all outputs are 0"),
    "multilabel_margin_loss": _zero("the loss of outputs that are all 0"),
    "hinge_embedding_loss": _zero("the loss of outputs that are all 0"),
    "mse_loss": _zero("mean of target²: all outputs are 0"),
    "l1_loss": _zero("mean of |target|: all outputs are 0"),
    "smooth_l1_loss": _zero("the loss of outputs that are all 0"),
    "huber_loss": _zero("the loss of outputs that are all 0"),
}
"""By loss; one that is not here has no such number. Weights and smoothing count in the value only."""
