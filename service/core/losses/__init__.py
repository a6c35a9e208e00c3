"""Losses: what each one takes, checks, computes and divides by.

To add a loss, write its class (see `base.Loss`) and add it to `registry.LOSS_CLASSES`; nothing else lists
them. Nothing here imports torch before a tensor is made.
"""

from service.core.losses.base import Argument, Call, Loss, Result
from service.core.losses.catalog import losses_catalog
from service.core.losses.evaluation import evaluate
from service.core.losses.reading import Request, read_loss, read_options
from service.core.losses.registry import LOSSES

__all__ = [
    "LOSSES",
    "Argument",
    "Call",
    "Loss",
    "Request",
    "Result",
    "evaluate",
    "losses_catalog",
    "read_loss",
    "read_options",
]
