"""Losses by name, and the catalog that their classes derive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorseed.losses.adaptive import AdaptiveLogSoftmaxWithLoss
from tensorseed.losses.base import Argument, Loss
from tensorseed.losses.binary import BCELoss, BCEWithLogitsLoss, MultiLabelSoftMarginLoss, SigmoidFocalLoss
from tensorseed.losses.classification import CrossEntropyLoss, NLLLoss
from tensorseed.losses.ctc import CTCLoss
from tensorseed.losses.elementwise import (
    HuberLoss,
    L1Loss,
    LogCoshLoss,
    MSELoss,
    QuantileLoss,
    SmoothL1Loss,
)
from tensorseed.losses.information import CrossEntropyOfDistributions, Entropy, SelfInformation
from tensorseed.losses.likelihood import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from tensorseed.losses.linear import LinearCrossEntropyLoss
from tensorseed.losses.margin import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
)
from tensorseed.losses.overlap import DiceLoss, TverskyLoss
from tensorseed.losses.triplet import TripletMarginLoss, TripletMarginWithDistanceLoss
from tensorseed.spec.catalog.descriptions import parameters

LOSS_CLASSES: tuple[type[Loss], ...] = (
    L1Loss,
    MSELoss,
    SmoothL1Loss,
    HuberLoss,
    CrossEntropyLoss,
    NLLLoss,
    BCELoss,
    BCEWithLogitsLoss,
    KLDivLoss,
    PoissonNLLLoss,
    GaussianNLLLoss,
    CTCLoss,
    HingeEmbeddingLoss,
    CosineEmbeddingLoss,
    MarginRankingLoss,
    MultiMarginLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
    AdaptiveLogSoftmaxWithLoss,
    LinearCrossEntropyLoss,
    SigmoidFocalLoss,
    DiceLoss,
    TverskyLoss,
    QuantileLoss,
    LogCoshLoss,
    SelfInformation,
    Entropy,
    CrossEntropyOfDistributions,
)

LOSSES: dict[str, type[Loss]] = {cls.kind: cls for cls in LOSS_CLASSES}
"""The class of every loss."""


def _spellings(cls: type[Loss]) -> Iterator[str]:
    """The name, and torch's names of the function and of the module."""
    yield cls.kind
    function = cls.function()
    if function is not None:
        yield from (function, f"nn.functional.{cls.kind}", f"F.{cls.kind}")
    if cls.module:
        yield from (cls.module, f"nn.{cls.module}", f"torch.nn.{cls.module}")


SPELLINGS: dict[str, str] = {spelling: cls.kind for cls in LOSS_CLASSES for spelling in _spellings(cls)}
"""The name of every loss by each of its spellings, such as BCELoss and F.binary_cross_entropy."""


def losses_catalog() -> list[dict[str, Any]]:
    """Every loss: name, summary, formula, source, torch's name for it, arguments, parameters, denominator."""
    return [describe(cls) for cls in LOSS_CLASSES]


def describe(cls: type[Loss]) -> dict[str, Any]:
    """One loss of the catalog."""
    labels = cls.labels()
    return {
        "kind": cls.kind,
        "summary": labels["summary"],
        "formula": labels["formula"],
        "source": labels["source"],
        "torch": cls.function(),
        "module": f"torch.nn.{cls.module}" if cls.module else None,
        "arguments": [_argument(argument) for argument in cls.arguments],
        "parameters": parameters(cls, set()),
        "denominator": labels["denominator"],
        "empty": labels["empty"],
    }


def _argument(argument: Argument) -> dict[str, Any]:
    return {
        "name": argument.name,
        "numbers": argument.numbers,
        "optional": argument.optional,
        "differentiable": argument.differentiable and argument.numbers != "integer",
        "shape": argument.shape,
    }
