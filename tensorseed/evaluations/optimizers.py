"""Optimizers of torch.optim, with torch's arguments and defaults.

To add one, write its class and add it to `AnyOptimizer`. Nothing else lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.spec.numbers import EXACT, Float64
from tensorseed.spec.schemes import ArgumentError

if TYPE_CHECKING:
    import torch

NonNegative = Annotated[float, Field(ge=0), EXACT]
Beta = Annotated[float, Field(ge=0, lt=1), EXACT]

Eps = Annotated[NonNegative, Field(description="Added to the divisor.", examples=[1e-8])]
Decay = Annotated[NonNegative, Field(description="Share of a weight added to its gradient.", examples=[1e-4])]
Maximize = Annotated[bool, Field(description="Whether to climb instead of to descend.", examples=[False])]
Betas = Annotated[
    tuple[Beta, Beta],
    Field(description="Decay of the averages of the gradient and of its square.", examples=[[0.9, 0.999]]),
]
Decoupled = Annotated[
    bool, Field(description="Whether weight_decay shrinks the weights themselves.", examples=[True])
]

RATE = "The learning rate."


class Optimizer(BaseModel):
    """Base of all optimizers: the fields are the arguments of the class in torch.optim."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    kind: str

    def check_arguments(self) -> None:
        """Raise ArgumentError where an argument does not fit the others."""

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """The real optimizer."""
        import torch

        made: torch.optim.Optimizer = getattr(torch.optim, self.kind)(parameters, **self.arguments())
        return made

    def arguments(self) -> dict[str, Any]:
        """The arguments as torch's constructor takes them."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}

    def given_arguments(self) -> dict[str, Any]:
        """The arguments that were given, rather than left at their defaults."""
        return {name: value for name, value in self.arguments().items() if name in self.model_fields_set}


class SGD(Optimizer):
    """w ← w − lr · v, v = momentum · v + (1 − dampening) · g, begun as g.

    Source: Sutskever et al.: On the importance of initialization and momentum in deep learning, ICML 2013
    """

    kind: Literal["SGD"]
    lr: NonNegative = Field(default=1e-3, description=RATE, examples=[0.1])
    momentum: NonNegative = Field(default=0.0, description="Share of v that is retained.", examples=[0.9])
    dampening: Float64 = Field(default=0.0, description="Share of g that is left out of v.", examples=[0.0])
    weight_decay: Decay = 0.0
    nesterov: bool = Field(default=False, description="Whether to look one step ahead.", examples=[True])
    maximize: Maximize = False

    def check_arguments(self) -> None:
        """Nesterov's step needs a momentum, and no dampening."""
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ArgumentError(("nesterov",), "nesterov needs a momentum above 0 and a dampening of 0")


class Adagrad(Optimizer):
    """w ← w − lr / (1 + t · lr_decay) · g / (√Σ g² + eps).

    Source: Duchi et al.: Adaptive subgradient methods for online learning, JMLR 12, 2011
    """

    kind: Literal["Adagrad"]
    lr: NonNegative = Field(default=1e-2, description=RATE, examples=[0.01])
    lr_decay: NonNegative = Field(default=0.0, description="Decay of the rate.", examples=[0.0])
    weight_decay: Decay = 0.0
    initial_accumulator_value: NonNegative = Field(
        default=0.0, description="What Σ g² begins with.", examples=[0.0]
    )
    eps: Eps = 1e-10
    maximize: Maximize = False


class RMSprop(Optimizer):
    """w ← w − lr · g / (√s + eps), s = alpha · s + (1 − alpha) · g².

    Source: Hinton: Neural networks for machine learning, lecture 6, 2012
    """

    kind: Literal["RMSprop"]
    lr: NonNegative = Field(default=1e-2, description=RATE, examples=[0.01])
    alpha: NonNegative = Field(default=0.99, description="Share of s that is retained.", examples=[0.99])
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0
    momentum: NonNegative = Field(default=0.0, description="Share of the last step.", examples=[0.9])
    centered: bool = Field(default=False, description="Whether s is a variance.", examples=[False])
    maximize: Maximize = False


class Adam(Optimizer):
    """w ← w − lr · m̂ / (√v̂ + eps), m and v the bias-corrected averages of g and g².

    Source: Kingma and Ba: Adam, ICLR 2015
    """

    kind: Literal["Adam"]
    lr: NonNegative = Field(default=1e-3, description=RATE, examples=[0.001])
    betas: Betas = (0.9, 0.999)
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0
    amsgrad: bool = Field(default=False, description="Whether v is its largest value.", examples=[False])
    maximize: Maximize = False
    decoupled_weight_decay: Decoupled = False


class AdamW(Optimizer):
    """Adam whose weight_decay shrinks the weights themselves: w ← w · (1 − lr · weight_decay) first.

    Source: Loshchilov and Hutter: Decoupled weight decay regularization, ICLR 2019
    """

    kind: Literal["AdamW"]
    lr: NonNegative = Field(default=1e-3, description=RATE, examples=[0.001])
    betas: Betas = (0.9, 0.999)
    eps: Eps = 1e-8
    weight_decay: NonNegative = Field(default=1e-2, description="Share that a weight loses.", examples=[0.01])
    amsgrad: bool = Field(default=False, description="Whether v is its largest value.", examples=[False])
    maximize: Maximize = False


class Adadelta(Optimizer):
    """w ← w − lr · g · √(d + eps) / √(s + eps), s and d the averages of g² and of the squared steps.

    Source: Zeiler: ADADELTA, an adaptive learning rate method, 2012
    """

    kind: Literal["Adadelta"]
    lr: NonNegative = Field(default=1.0, description=RATE, examples=[1.0])
    rho: Annotated[float, Field(ge=0, le=1), EXACT] = Field(
        default=0.9, description="Share of the averages that is retained.", examples=[0.9]
    )
    eps: Eps = 1e-6
    weight_decay: Decay = 0.0
    maximize: Maximize = False


class Adamax(Optimizer):
    """Adam with the largest ∣g∣ of late in the place of √v̂.

    Source: Kingma and Ba: Adam, ICLR 2015
    """

    kind: Literal["Adamax"]
    lr: NonNegative = Field(default=2e-3, description=RATE, examples=[0.002])
    betas: Betas = (0.9, 0.999)
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0
    maximize: Maximize = False


class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    Source: Dozat: Incorporating Nesterov momentum into Adam, ICLR workshop 2016
    """

    kind: Literal["NAdam"]
    lr: NonNegative = Field(default=2e-3, description=RATE, examples=[0.002])
    betas: Betas = (0.9, 0.999)
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0
    momentum_decay: NonNegative = Field(
        default=4e-3, description="How fast the momentum grows.", examples=[0.004]
    )
    decoupled_weight_decay: Decoupled = False
    maximize: Maximize = False


class RAdam(Optimizer):
    """Adam that begins without √v̂, until its variance is known.

    Source: Liu et al.: On the variance of the adaptive learning rate and beyond, ICLR 2020
    """

    kind: Literal["RAdam"]
    lr: NonNegative = Field(default=1e-3, description=RATE, examples=[0.001])
    betas: Betas = (0.9, 0.999)
    eps: Eps = 1e-8
    weight_decay: Decay = 0.0
    decoupled_weight_decay: Decoupled = False
    maximize: Maximize = False


AnyOptimizer = Annotated[
    SGD | Adagrad | RMSprop | Adam | AdamW | Adadelta | Adamax | NAdam | RAdam, Field(discriminator="kind")
]

OPTIMIZERS: dict[str, type[Optimizer]] = {cls.__name__: cls for cls in get_args(get_args(AnyOptimizer)[0])}
"""The class of every `kind`, the name of a class of torch.optim."""
