"""Dropout: elements or channels become 0 at random while training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tensorseed.spec.layers.base import Probability
from tensorseed.spec.modules.base import StatelessModule
from tensorseed.spec.modules.rectifiers import Inplace


class _Dropout(StatelessModule):
    """Base of the dropouts, which are the identity without training."""

    p: Probability = Field(default=0.5, description="Probability of becoming 0.", examples=[0.5])
    inplace: Inplace = False

    def draws_in_training(self) -> bool:
        """Always."""
        return True


class Dropout(_Dropout):
    """Elements become 0 with probability p, the others are divided by 1 − p.

    Source: Srivastava et al.: Dropout, JMLR 15, 2014
    """

    type: Literal["Dropout"]


class Dropout1d(_Dropout):
    """Dropout of whole channels of (N, C, L) or (C, L)."""

    input_dims = (2, 3)
    type: Literal["Dropout1d"]


class Dropout2d(_Dropout):
    """Dropout of whole channels of (N, C, H, W).

    Source: Tompson et al.: Efficient object localization using convolutional networks, CVPR 2015
    """

    input_dims = (4,)
    type: Literal["Dropout2d"]


class Dropout3d(_Dropout):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    input_dims = (4, 5)
    type: Literal["Dropout3d"]


class AlphaDropout(_Dropout):
    """Dropout to the negative limit of SELU, which keeps mean and variance.

    Source: Klambauer et al.: Self-normalizing neural networks, NeurIPS 2017
    """

    type: Literal["AlphaDropout"]


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels of (N, C, …)."""

    type: Literal["FeatureAlphaDropout"]
