"""Derive the minimax polynomials of `transforms32` and `transforms64`.

Remez's exchange algorithm in 40-digit arithmetic gives the polynomials, iteratively reweighted least squares
the three rational functions of the float32 quantile. The numbers in the formulas are frozen: this shows where
they come from, and lets anybody judge them.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np

mp.mp.dps = 40
Function = Callable[[mp.mpf], mp.mpf]


def remez(
    f: Function, terms: int, low: mp.mpf, high: mp.mpf, weight: Function = lambda _: mp.mpf(1)
) -> list[mp.mpf]:
    """The polynomial of `terms` coefficients with the smallest weighted largest error on [low, high]."""
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * terms + 2)) for i in range(terms + 1)]
    grid = [middle - half * mp.cos(mp.pi * k / (40 * terms + 40)) for k in range(40 * terms + 41)]
    coefficients: list[mp.mpf] = []
    for _ in range(12):
        system, right = mp.matrix(terms + 1, terms + 1), mp.matrix(terms + 1, 1)
        for i, x in enumerate(nodes):
            for j in range(terms):
                system[i, j] = x**j
            system[i, terms] = (-1) ** i / weight(x)
            right[i] = f(x)
        coefficients = list(mp.lu_solve(system, right))[:terms]
        errors = [(mp.polyval(coefficients[::-1], x) - f(x)) * weight(x) for x in grid]
        peaks = alternating_peaks(errors)
        while len(peaks) > terms + 1:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        if len(peaks) < terms + 1:
            break
        nodes = [grid[k] for k in peaks]
    return coefficients


def alternating_peaks(errors: list[mp.mpf]) -> list[int]:
    """The largest error of every stretch of one sign."""
    peaks: list[int] = []
    for k, error in enumerate(errors):
        if peaks and errors[peaks[-1]] * error > 0:
            if abs(error) > abs(errors[peaks[-1]]):
                peaks[-1] = k
        elif error != 0:
            peaks.append(k)
    return peaks


def rational(x: np.ndarray, y: np.ndarray, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
    """P/Q of degrees `top` and `bottom`, Q(0) = 1, with a small largest relative error at the points."""
    scale = x.max()
    powers_top = np.vander(x / scale, top + 1, increasing=True)
    powers_bottom = np.vander(x / scale, bottom + 1, increasing=True)[:, 1:]
    weight, q_values = np.ones(x.size), np.ones(x.size)
    best: tuple[float, np.ndarray, np.ndarray] = (np.inf, x, x)
    for _ in range(3000):
        factor = np.sqrt(weight) / q_values / y
        system = np.c_[powers_top, -(y[:, None] * powers_bottom)] * factor[:, None]
        norms = np.linalg.norm(system, axis=0)
        solution = np.linalg.lstsq(system / norms, y * factor, rcond=1e-16)[0] / norms
        p = solution[: top + 1] / scale ** np.arange(top + 1)
        q = np.r_[1, solution[top + 1 :] / scale ** np.arange(1, bottom + 1)]
        q_values = np.polyval(q[::-1], x)
        error = np.abs(np.polyval(p[::-1], x) / q_values / y - 1)
        if error.max() < best[0]:
            best = (error.max(), p, q)
        weight = weight * np.sqrt(error / error.max()) + 1e-12
        weight /= weight.sum()
    return best[1], best[2]


def log_rest(f: mp.mpf) -> mp.mpf:
    """P with log(1 + f) = f − f²/2 + f³·P."""
    return mp.mpf(1) / 3 - f / 4 + f * f / 5 if abs(f) < 1e-8 else (mp.log(1 + f) - f + f * f / 2) / f**3


def log_weight(f: mp.mpf) -> mp.mpf:
    """So that the error is that of log(1 + f), relatively."""
    return abs(f**3 / mp.log(1 + f)) if abs(f) > 1e-9 else mp.mpf(10) ** -18


def log_odd(z: mp.mpf) -> mp.mpf:
    """R with log((1 + s)/(1 − s)) = 2s + s·z·R, z = s²."""
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) - 2 * s) / (s * z) if z > 0 else mp.mpf(2) / 3


def sine(t: mp.mpf) -> mp.mpf:
    """sin(πx/4)/x, t = x²."""
    return mp.sin(mp.pi * mp.sqrt(t) / 4) / mp.sqrt(t) if t > 0 else mp.pi / 4


def cosine(t: mp.mpf) -> mp.mpf:
    """(cos(πx/4) − 1)/x², t = x²."""
    if t < 1e-15:
        return -((mp.pi / 4) ** 2) / 2 + (mp.pi / 4) ** 4 / 24 * t
    return (mp.cos(mp.pi * mp.sqrt(t) / 4) - 1) / t


def central_quantile(t: float) -> float:
    """z/d with Φ(z) = ½ + d, t = d²."""
    d = mp.sqrt(mp.mpf(t))
    return float(mp.sqrt(2) * mp.erfinv(2 * d) / d)


def tail_quantile(r: float) -> float:
    """z with 1 − Φ(z) = exp(−r²)."""
    log_q = -(mp.mpf(r) ** 2)
    start = mp.sqrt(max(-2 * log_q - mp.log(2 * mp.pi), mp.mpf(1)))
    return float(mp.findroot(lambda z: mp.log(mp.erfc(z / mp.sqrt(2)) / 2) - log_q, start))


def points(low: float, high: float, count: int, power: int) -> np.ndarray:
    """Dense towards `low` (and `high`)."""
    t = (1 - np.cos(np.pi * (np.arange(count) + 0.5) / count)) / 2
    return low + (high - low) * t**power


def main() -> None:
    """Print every coefficient, constant term first."""
    root = mp.sqrt(mp.mpf(1) / 2)
    log32 = remez(log_rest, 8, root - 1, mp.sqrt(2) - 1, log_weight)
    print("log, float32   ", [str(np.float32(float(-2 * c))) for c in log32])
    print("sine, float32  ", [str(np.float32(float(c))) for c in remez(sine, 4, mp.mpf(0), mp.mpf(1))])
    print("cosine, float32", [str(np.float32(float(c))) for c in remez(cosine, 4, mp.mpf(0), mp.mpf(1))])
    largest = ((1 - root) / (1 + root)) ** 2
    print("log, float64   ", [repr(float(c)) for c in remez(log_odd, 8, mp.mpf(0), largest)])
    print("sine, float64  ", [repr(float(c)) for c in remez(sine, 7, mp.mpf(0), mp.mpf(1))])
    print("cosine, float64", [repr(float(c)) for c in remez(cosine, 7, mp.mpf(0), mp.mpf(1))])
    x = points(0, 0.425**2 * 1.001, 500, 1)
    print("quantile, centre", *rational(x, np.array([central_quantile(v) for v in x]), 4, 3))
    x = points(0, float(mp.mpf("0.5") - mp.erfc(mp.mpf("2.02") / mp.sqrt(2)) / 2) ** 2 * 1.0002, 500, 1)
    p, q = rational(0.25 - x, np.array([central_quantile(v) for v in x]), 4, 4)
    print("quantile, near  ", p / q[-1], q / q[-1])
    x = points(float(mp.sqrt(-mp.log(mp.mpf("0.075")))) * 0.999, 27, 800, 2)
    print("quantile, tail  ", *rational(x - 1.6, np.array([tail_quantile(v) for v in x]), 5, 4))


if __name__ == "__main__":
    main()
