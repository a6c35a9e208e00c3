"""Numbers in the sentences of findings."""

from __future__ import annotations

_WRITTEN_OUT = 1e6  # numbers below it are written without a power of ten


def figure(value: float, digits: int = 2) -> str:
    """A number in a few significant digits: 0.0015, 180, 22,240, 1.8e+09."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text and abs(float(text)) < _WRITTEN_OUT else text
