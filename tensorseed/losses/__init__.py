"""Losses of torch and measures of information, with gradients.

A new loss is a class (see `base.Loss`) and its line in `registry.LOSS_CLASSES`. Nothing here imports torch
before a tensor is made.
"""

from tensorseed.losses.base import Argument, Call, Expectation, Loss, Result
from tensorseed.losses.evaluation import evaluate
from tensorseed.losses.registry import LOSSES, losses_catalog
from tensorseed.losses.request import Request, read_loss, read_options

__all__ = [
    "LOSSES",
    "Argument",
    "Call",
    "Expectation",
    "Loss",
    "Request",
    "Result",
    "evaluate",
    "losses_catalog",
    "read_loss",
    "read_options",
]
