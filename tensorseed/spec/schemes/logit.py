"""The constant that a prior probability is the sigmoid of."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from tensorseed.sampling.distributions import AnyDistribution
from tensorseed.spec.numbers import EXACT
from tensorseed.spec.schemes.base import Scheme, Shape
from tensorseed.spec.schemes.fans import Fans
from tensorseed.spec.schemes.plain import Constant

DIGITS = 40  # of the first attempt, enough but for one number in 10²⁰


class Logit(Scheme):
    """Every element is the number whose sigmoid is `p`: the bias of outputs of which a share `p` is positive.

    Formula: w = log(p / (1 − p)) = −log((1 − p) / p)
    Source: Lin, Goyal, Girshick, He, Dollár: Focal loss for dense object detection, ICCV 2017; torch.logit
    """

    in_torch = True
    is_random = False

    kind: Literal["logit"]
    p: Annotated[float, Field(gt=0.0, lt=1.0), EXACT] = Field(
        description="The probability, between 0 and 1.", examples=[0.01]
    )

    def canonical(self, _shape: Shape, _groups: int, /) -> Scheme:
        """The constant."""
        return Constant.model_construct({"kind"}, kind="constant", value=logit(self.p))

    def distribution_for(self, shape: Shape, fans: Fans | None, /) -> AnyDistribution:
        """Constant(log(p / (1 − p)))."""
        return self.canonical(shape, 1).distribution_for(shape, fans)


def logit(p: float) -> float:
    """log(p / (1 − p)) of the exact p, the nearest float64.

    Decimal logarithms are correctly rounded. Their digits double until the error decides nothing, which
    ends, since the logarithm of a rational number other than 1 is irrational.
    """
    odds = Fraction(p) / (1 - Fraction(p))
    if odds == 1:
        return 0.0
    digits = DIGITS
    while True:
        with localcontext(Context(prec=digits)):
            value = (Decimal(odds.numerator) / Decimal(odds.denominator)).ln()
            error = (abs(value) + 1).scaleb(1 - digits)
            low, high = float(value - error), float(value + error)
        if low == high:
            return low
        digits *= 2
