"""The losses by name, in the order of the catalog."""

from __future__ import annotations

from tensorseed.losses.adaptive import AdaptiveLogSoftmaxWithLoss
from tensorseed.losses.base import Loss
from tensorseed.losses.binary import BCELoss, BCEWithLogitsLoss, MultiLabelSoftMarginLoss
from tensorseed.losses.classification import CrossEntropyLoss, NLLLoss
from tensorseed.losses.ctc import CTCLoss
from tensorseed.losses.elementwise import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
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
from tensorseed.losses.triplet import TripletMarginLoss, TripletMarginWithDistanceLoss

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
    SelfInformation,
    Entropy,
    CrossEntropyOfDistributions,
)

LOSSES: dict[str, type[Loss]] = {cls.name: cls for cls in LOSS_CLASSES}
"""The class of every loss."""
