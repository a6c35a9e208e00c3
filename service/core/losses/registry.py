"""The losses by name, in the order of the catalog."""

from __future__ import annotations

from service.core.losses.adaptive import AdaptiveLogSoftmaxWithLoss
from service.core.losses.base import Loss
from service.core.losses.binary import BCELoss, BCEWithLogitsLoss, MultiLabelSoftMarginLoss
from service.core.losses.classification import CrossEntropyLoss, NLLLoss
from service.core.losses.ctc import CTCLoss
from service.core.losses.elementwise import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from service.core.losses.information import CrossEntropyOfDistributions, Entropy, SelfInformation
from service.core.losses.likelihood import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from service.core.losses.linear import LinearCrossEntropyLoss
from service.core.losses.margin import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
)
from service.core.losses.triplet import TripletMarginLoss, TripletMarginWithDistanceLoss

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
