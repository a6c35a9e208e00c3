"""Initialisation of torch modules and tensors in place, whole or sharded."""

from __future__ import annotations

from tensorseed.errors import missing_framework

try:
    import torch as _  # noqa: F401
except ModuleNotFoundError:
    raise missing_framework("torch") from None

from tensorseed.torch.fill import fill_
from tensorseed.torch.initialization import init_
from tensorseed.torch.report import InitReport

__all__ = ["InitReport", "fill_", "init_"]
