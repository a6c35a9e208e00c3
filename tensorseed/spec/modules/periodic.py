"""Periodic activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tensorseed.spec.layers.network_module import SINE_INIT
from tensorseed.spec.modules.base import TorchFunction
from tensorseed.spec.numbers import EXACT

if TYPE_CHECKING:
    import torch


class Sine(TorchFunction):
    """sin(omega · x).

    Source: Sitzmann, Martel, Bergman, Lindell, Wetzstein: Implicit neural representations with periodic
        activation functions, NeurIPS 2020
    """

    recommended_init = SINE_INIT
    type: Literal["Sine"]
    omega: Annotated[float, EXACT] = Field(
        default=1.0, gt=0, description="The frequency; 30 in the paper.", examples=[30.0]
    )

    def forward(self, _module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The sine."""
        import torch

        return torch.sin(self.omega * x)
