"""Losses: what each one takes, checks, computes and divides by.

To add a loss, write its class (see `base.Loss`) and add it to `registry.LOSS_CLASSES`; nothing else lists
them. Nothing here imports torch before a tensor is made.
"""

from tensorseed.losses.base import Argument, Call, Loss, Result
from tensorseed.losses.catalog import losses_catalog
from tensorseed.losses.evaluation import evaluate
from tensorseed.losses.reading import Request, read_loss, read_options
from tensorseed.losses.registry import LOSSES

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
