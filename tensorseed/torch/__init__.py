"""Initialisation of torch modules and tensors in place, whole or sharded."""

from __future__ import annotations

from tensorseed.torch.fill import fill_
from tensorseed.torch.initialization import init_
from tensorseed.torch.report import InitReport

__all__ = ["InitReport", "fill_", "init_"]
