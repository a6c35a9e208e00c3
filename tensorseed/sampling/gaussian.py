"""The normal distribution's tails to 60 digits, as decimal numbers.

Constants on the way to a weight may not come from a machine's `erf`: these do not. Decimal arithmetic is
exactly specified, so rounding a result to float64 or float32 gives the correctly rounded value everywhere.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from functools import lru_cache

DIGITS = 60
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803")
SERIES_LIMIT = Decimal(3)  # below, the power series; above, the continued fraction
FRACTION_TERMS = 13_500  # over x², and 60 more, leave an error below 10⁻⁵⁸ for x ≥ 3


@lru_cache(maxsize=4096)
def upper_tail(x: Decimal) -> Decimal:
    """Q(x) = 1 − Φ(x) for x ≥ 0.

    Below 3: Q = ½ − φ(x)·Σ x²ⁿ⁺¹/(1·3·5…(2n+1)). Above: Laplace's φ(x)/(x + 1/(x + 2/(x + 3/(x + …)))).
    Source: Abramowitz and Stegun, 26.2.11 and 26.2.14.
    """
    with localcontext(Context(prec=DIGITS, Emin=-(10**9), Emax=10**9)):
        density = (-x * x / 2).exp() / (2 * PI).sqrt()
        if x < SERIES_LIMIT:
            term = total = x
            odd = 1
            while term > total.scaleb(-DIGITS):
                odd += 2
                term = term * x * x / odd
                total += term
            return Decimal("0.5") - density * total
        fraction = x
        for n in range(FRACTION_TERMS // int(x * x) + 60, 0, -1):
            fraction = x + n / fraction
        return density / fraction
