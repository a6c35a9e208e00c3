"""Transforms of random words to float32 draws.

Every function is written once, for compiled scalars and for tensors (see `primitives.py`). Words are integers
in [0, 2³²). Constants are float32. Each operation is rounded once, in the order written. No fused
multiply-add and no library function takes part, so the result is the same on every machine.

The polynomials are minimax fits made by `tools/coefficients.py`. `docs/stream-v1.md` lists them.
"""

from __future__ import annotations

import numpy as np

from tensorseed.sampling.primitives import (
    Number,
    bits_of_float32,
    float32_of_bits,
    inlined,
    select,
    sqrt,
    to_float32,
    to_int32,
)

F = np.float32

TWO_TO_MINUS_24, TWO_TO_MINUS_29, TWO_TO_MINUS_30 = F(2.0**-24), F(2.0**-29), F(2.0**-30)
TWO_TO_MINUS_32, TWO_TO_MINUS_33 = F(2.0**-32), F(2.0**-33)
ONE, TWO, HALF, QUARTER = F(1.0), F(2.0), F(0.5), F(0.25)
SIGN = 0x80000000

# −2·log(1 + f) = f² − 2f + f³·(L0 + L1·f + …) on [√½ − 1, √2 − 1], relative error below 2⁻²⁷
L0, L1, L2, L3 = F(-0.6666666), F(0.50001645), F(-0.40002456), F(0.33246717)
L4, L5, L6, L7 = F(-0.2840346), F(0.26320302), F(-0.25523472), F(0.15269531)
MINUS_TWO_LN_2 = F(-1.3862944)

# sin(πx/4) = x·(S0 + S1·x² + …), cos(πx/4) = 1 + x²·(C0 + C1·x² + …) on [0, 1], error below 2⁻²⁸
S0, S1, S2, S3 = F(0.7853982), F(-0.080745436), F(0.002490007), F(-3.595451e-05)
C0, C1, C2, C3 = F(-0.30842513), F(0.015854338), F(-0.0003259614), F(3.5419669e-06)

# The normal quantile z of the upper tail q. With d = ½ − q and |d| ≤ 0.425: z = d·P(d²)/Q(d²)
CENTRAL = F(0.425)
P0, P1, P2, P3, P4 = F(2.50662826), F(-17.8818146), F(36.59573992), F(-16.95051642), F(-2.87709121)
Q1, Q2, Q3 = F(-8.18101134), F(20.86395009), F(-16.02491092)
# Beyond, with r = √(−log q) up to 27 (q = 10⁻³¹⁶): z = R(r − 1.6)/T(r − 1.6), relative error below 2⁻²⁸
TAIL_SHIFT = F(1.6)
R0, R1, R2 = F(1.42343712), F(3.31177152), F(2.36831237)
R3, R4, R5 = F(0.66476715), F(0.07010944), F(0.001978983)
T1, T2, T3, T4 = F(1.12686612), F(0.39831243), F(0.0473452), F(0.00139931)

# The same with Φ(z) = ½ + d and |z| ≤ 2.02, in v = ¼ − d²: z = d·A(v)/B(v), relative error below 2⁻²³
A0, A1, A2, A3, A4 = F(1.40766957e-4), F(0.0245231553), F(0.577989118), F(2.31455622), F(0.863717555)
B0, B1, B2, B3 = F(2.25638964e-5), F(0.00532945221), F(0.171874712), F(1.06776783)


@inlined
def minus_two_log(x: Number) -> Number:
    """−2·log(x) of a positive, normal float32."""
    bits = to_int32(bits_of_float32(x) + 0x004AFB0D)  # so that the mantissa m lies in [√½, √2)
    exponent = to_int32((bits >> 23) - 127)
    f = float32_of_bits((bits & 0x007FFFFF) + 0x3F3504F3) - ONE
    square = f * f
    p = f * L7 + L6
    p = p * f + L5
    p = p * f + L4
    p = p * f + L3
    p = p * f + L2
    p = p * f + L1
    p = p * f + L0
    return (((square * f) * p + square) - f * TWO) + to_float32(exponent) * MINUS_TWO_LN_2


@inlined
def uniform32(word: Number, low: Number, scale: Number, high: Number) -> Number:
    """`low + u·scale`, at most `high`, with u of 24 bits in [0, 1): 0.0 can occur, 1.0 cannot."""
    u = to_float32(to_int32(word >> 8)) * TWO_TO_MINUS_24
    x = u * scale + low
    return select(x > high, high, x)


@inlined
def normal32(radius_word: Number, angle_word: Number, mean: Number, std: Number) -> Number:
    """Two independent normals `mean + z·std` by Box and Muller (1958), |z| ≤ 6.77.

    The radius √(−2·log u) has u = (w + ½)·2⁻³². The angle's word gives two signs, the octant's half and the
    place in it, 29 bits, so that sine and cosine are needed on [0, π/4] only.
    """
    u = to_float32(radius_word) * TWO_TO_MINUS_32 + TWO_TO_MINUS_33
    radius = sqrt(minus_two_log(u))
    x = to_float32(to_int32(angle_word & 0x1FFFFFFF)) * TWO_TO_MINUS_29 + TWO_TO_MINUS_30
    square = x * x
    s = square * S3 + S2
    s = s * square + S1
    s = s * square + S0
    s = s * x
    c = square * C3 + C2
    c = c * square + C1
    c = c * square + C0
    c = c * square + ONE
    swap = (angle_word & 0x20000000) != 0
    first = select(swap, s, c)
    second = select(swap, c, s)
    first = float32_of_bits(bits_of_float32(first) ^ to_int32(angle_word & SIGN))
    second = float32_of_bits(bits_of_float32(second) ^ to_int32((angle_word << 1) & SIGN))
    return (radius * first) * std + mean, (radius * second) * std + mean


@inlined
def upper_quantile32(p: Number, mass: Number, minus_log_mass: Number) -> Number:
    """z with 1 − Φ(z) = q for q = p·mass ≤ ½, where p is a normal float32 and `mass` may underflow."""
    d = HALF - p * mass
    r = sqrt(minus_two_log(p) * HALF + minus_log_mass)
    central = d <= CENTRAL
    v = select(central, d * d, r - TAIL_SHIFT)
    numerator = v * select(central, F(0.0), R5) + select(central, P4, R4)
    numerator = numerator * v + select(central, P3, R3)
    numerator = numerator * v + select(central, P2, R2)
    numerator = numerator * v + select(central, P1, R1)
    numerator = numerator * v + select(central, P0, R0)
    denominator = v * select(central, F(0.0), T4) + select(central, Q3, T3)
    denominator = denominator * v + select(central, Q2, T2)
    denominator = denominator * v + select(central, Q1, T1)
    denominator = denominator * v + ONE
    return (select(central, d, ONE) * numerator) / denominator


@inlined
def trunc_normal32(
    word: Number,
    mean: Number,
    std: Number,
    low: Number,
    high: Number,
    lower_words: Number,
    p_step: Number,
    p_lower: Number,
    p_upper: Number,
    mass: Number,
    minus_log_mass: Number,
) -> Number:
    """A normal `mean + z·std` conditioned on [low, high], by inversion: `truncation.py` gives the numbers.

    Words below `lower_words` give numbers below the mean. Each side is inverted from its own tail.
    So both tails are as fine as the word allows.
    """
    below = word < lower_words
    steps = to_float32(select(below, word, 0xFFFFFFFF - word))
    p = steps * p_step + select(below, p_lower, p_upper)
    z = upper_quantile32(p, mass, minus_log_mass)
    x = select(below, -z, z) * std + mean
    x = select(x < low, low, x)
    return select(x > high, high, x)


@inlined
def near_quantile32(d: Number) -> Number:
    """z with Φ(z) = ½ + d, for |z| ≤ 2.02."""
    v = QUARTER - d * d
    numerator = v * A4 + A3
    numerator = numerator * v + A2
    numerator = numerator * v + A1
    numerator = numerator * v + A0
    denominator = v + B3
    denominator = denominator * v + B2
    denominator = denominator * v + B1
    denominator = denominator * v + B0
    return (d * numerator) / denominator


@inlined
def near_trunc_normal32(
    word: Number, mean: Number, std: Number, low: Number, high: Number, d_step: Number, d_middle: Number
) -> Number:
    """As `trunc_normal32` for an interval around the mean that ends within 2 1/64 deviations of it.

    No tail there is so thin that it needs a side of its own. The word is a signed number, so that d is finest
    around zero.
    """
    d = to_float32(to_int32(word)) * d_step + d_middle
    x = near_quantile32(d) * std + mean
    x = select(x < low, low, x)
    return select(x > high, high, x)
