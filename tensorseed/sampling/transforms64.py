"""Transforms of random words to float64 draws.

As `transforms32.py`, with 53 bits an element, two words each, and double-precision polynomials. The
quantile's coefficients are those of Wichura, "Algorithm AS 241: The Percentage Points of the Normal
Distribution", Applied Statistics 37 (1988), routine PPND16. `tools/coefficients.py` makes the others.
"""

from __future__ import annotations

import numpy as np

from tensorseed.sampling.primitives import (
    Number,
    bits_of_float64,
    float64_of_bits,
    inlined,
    select,
    sqrt,
    to_float64,
)

F = np.float64

TWO_TO_MINUS_53, TWO_TO_MINUS_54 = F(2.0**-53), F(2.0**-54)
ONE, TWO, HALF = F(1.0), F(2.0), F(0.5)
MANTISSA, SQRT_HALF_BITS = 0x000FFFFFFFFFFFFF, 0x3FE6A09E667F3BCD
ONE_MINUS_SQRT_HALF_BITS = 0x3FF0000000000000 - SQRT_HALF_BITS

# With s = f/(2 + f), z = s²: log(1 + f) = f − (f²/2 − s·(f²/2 + z·(L0 + L1·z + …))), |s| ≤ 0.1716
L0, L1, L2, L3 = F(0.6666666666666666), F(0.40000000000000885), F(0.2857142857079863), F(0.22222222392730404)
L4, L5, L6, L7 = F(0.18181795541390908), F(0.15386244625882073), F(0.1326865144000964), F(0.13087807915317876)
LN_2_HIGH, LN_2_LOW = F(0.693147180369123816490), F(1.90821492927058770002e-10)

# sin(πx/4) = x·(S0 + S1·x² + …), cos(πx/4) = 1 + x²·(C0 + C1·x² + …) on [0, 1]
S0, S1, S2 = F(0.7853981633974483), F(-0.08074551218828054), F(0.002490394570188846)
S3, S4 = F(-3.657620415892401e-05), F(3.1336162256283947e-07)
S5, S6 = F(-1.7571500920170895e-09), F(6.877366341172901e-12)
C0, C1, C2 = F(-0.30842513753404244), F(0.015854344243815488), F(-0.0003259918869271997)
C3, C4 = F(3.5908604474490545e-06), F(-2.4611366239161373e-08)
C5, C6 = F(1.1500679776576358e-10), F(-3.863159467645216e-13)

CENTRAL, CENTRAL_SQUARE, NEAR_SHIFT, FAR_SHIFT = F(0.425), F(0.180625), F(1.6), F(5.0)
# Numerators and denominators of PPND16, constant term first: |d| ≤ 0.425, then r ≤ 5, then beyond.
A0, A1, A2, A3 = (
    F(3.3871328727963666080),
    F(133.14166789178437745),
    F(1971.5909503065514427),
    F(13731.693765509461125),
)
A4, A5, A6, A7 = (
    F(45921.953931549871457),
    F(67265.770927008700853),
    F(33430.575583588128105),
    F(2509.0809287301226727),
)
B1, B2, B3, B4 = (
    F(42.313330701600911252),
    F(687.18700749205790830),
    F(5394.1960214247511077),
    F(21213.794301586595867),
)
B5, B6, B7 = F(39307.895800092710610), F(28729.085735721942674), F(5226.4952788528545610)
N0, N1, N2, N3 = (
    F(1.42343711074968357734),
    F(4.63033784615654529590),
    F(5.76949722146069140550),
    F(3.64784832476320460504),
)
N4, N5 = F(1.27045825245236838258), F(0.241780725177450611770)
N6, N7 = F(0.0227238449892691845833), F(7.74545014278341407640e-4)
M1, M2, M3 = F(2.05319162663775882187), F(1.67638483018380384940), F(0.689767334985100004550)
M4, M5 = F(0.148103976427480074590), F(0.0151986665636164571966)
M6, M7 = F(5.47593808499534494600e-4), F(1.05075007164441684324e-9)
E0, E1, E2 = F(6.65790464350110377720), F(5.46378491116411436990), F(1.78482653991729133580)
E3, E4, E5 = F(0.296560571828504891230), F(0.0265321895265761230930), F(1.24266094738807843860e-3)
E6, E7 = F(2.71155556874348757815e-5), F(2.01033439929228813265e-7)
G1, G2, G3 = F(0.599832206555887937690), F(0.136929880922735805310), F(0.0148753612908506148525)
G4, G5 = F(7.86869131145613259100e-4), F(1.84631831751005468180e-5)
G6, G7 = F(1.42151175831644588870e-7), F(2.04426310338993978564e-15)


@inlined
def bits53(high_word: Number, low_word: Number) -> Number:
    """The top 53 of the 64 bits of two words."""
    return (high_word << 21) | (low_word >> 11)


@inlined
def minus_two_log(x: Number) -> Number:
    """−2·log(x) of a positive, normal float64, by the scheme of fdlibm's `e_log.c`."""
    bits = bits_of_float64(x) + ONE_MINUS_SQRT_HALF_BITS
    exponent = to_float64((bits >> 52) - 1023)
    f = float64_of_bits((bits & MANTISSA) + SQRT_HALF_BITS) - ONE
    s = f / (f + TWO)
    z = s * s
    r = z * L7 + L6
    r = r * z + L5
    r = r * z + L4
    r = r * z + L3
    r = r * z + L2
    r = r * z + L1
    r = r * z + L0
    r = r * z
    half_square = f * f * HALF
    log = exponent * LN_2_HIGH - ((half_square - (s * (half_square + r) + exponent * LN_2_LOW)) - f)
    return log * -TWO


@inlined
def uniform64(high_word: Number, low_word: Number, low: Number, scale: Number, high: Number) -> Number:
    """`low + u·scale`, at most `high`, with u of 53 bits in [0, 1): 0.0 can occur, 1.0 cannot."""
    u = to_float64(bits53(high_word, low_word)) * TWO_TO_MINUS_53
    x = u * scale + low
    return select(x > high, high, x)


@inlined
def normal64(w0: Number, w1: Number, w2: Number, w3: Number, mean: Number, std: Number) -> Number:
    """Two independent normals `mean + z·std` of four words: radius from `w0, w1`, angle from `w2, w3`."""
    u = to_float64(bits53(w0, w1)) * TWO_TO_MINUS_53 + TWO_TO_MINUS_54
    radius = sqrt(minus_two_log(u))
    place = ((w2 & 0x1FFFFFFF) << 24) | (w3 >> 8)
    x = to_float64(place) * TWO_TO_MINUS_53 + TWO_TO_MINUS_54
    square = x * x
    s = square * S6 + S5
    s = s * square + S4
    s = s * square + S3
    s = s * square + S2
    s = s * square + S1
    s = s * square + S0
    s = s * x
    c = square * C6 + C5
    c = c * square + C4
    c = c * square + C3
    c = c * square + C2
    c = c * square + C1
    c = c * square + C0
    c = c * square + ONE
    swap = (w2 & 0x20000000) != 0
    first = select(swap, s, c)
    second = select(swap, c, s)
    first = select((w2 & 0x80000000) != 0, -first, first)
    second = select((w2 & 0x40000000) != 0, -second, second)
    return (radius * first) * std + mean, (radius * second) * std + mean


@inlined
def choose(central: Number, near: Number, a: Number, n: Number, e: Number) -> Number:
    """The coefficient of the region."""
    return select(central, a, select(near, n, e))


@inlined
def upper_quantile64(p: Number, mass: Number, minus_log_mass: Number) -> Number:
    """z with 1 − Φ(z) = q for q = p·mass ≤ ½, where p is a normal float64 and `mass` may underflow."""
    d = HALF - p * mass
    r = sqrt(minus_two_log(p) * HALF + minus_log_mass)
    central = d <= CENTRAL
    near = r <= FAR_SHIFT
    v = choose(central, near, CENTRAL_SQUARE - d * d, r - NEAR_SHIFT, r - FAR_SHIFT)
    x = v * choose(central, near, A7, N7, E7) + choose(central, near, A6, N6, E6)
    x = x * v + choose(central, near, A5, N5, E5)
    x = x * v + choose(central, near, A4, N4, E4)
    x = x * v + choose(central, near, A3, N3, E3)
    x = x * v + choose(central, near, A2, N2, E2)
    x = x * v + choose(central, near, A1, N1, E1)
    x = x * v + choose(central, near, A0, N0, E0)
    y = v * choose(central, near, B7, M7, G7) + choose(central, near, B6, M6, G6)
    y = y * v + choose(central, near, B5, M5, G5)
    y = y * v + choose(central, near, B4, M4, G4)
    y = y * v + choose(central, near, B3, M3, G3)
    y = y * v + choose(central, near, B2, M2, G2)
    y = y * v + choose(central, near, B1, M1, G1)
    y = y * v + ONE
    return (select(central, d, ONE) * x) / y


@inlined
def trunc_normal64(
    high_word: Number,
    low_word: Number,
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
    """As `trunc_normal32`, with 53-bit words."""
    word = bits53(high_word, low_word)
    below = word < lower_words
    steps = to_float64(select(below, word, 0x1FFFFFFFFFFFFF - word))
    p = steps * p_step + select(below, p_lower, p_upper)
    z = upper_quantile64(p, mass, minus_log_mass)
    x = select(below, -z, z) * std + mean
    x = select(x < low, low, x)
    return select(x > high, high, x)
