"""Numbers in findings: few digits, powers of ten only where they help."""

from __future__ import annotations

import math

import pytest

from tensorseed.evaluations.findings.figures import figure


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.00152, 2, "0.0015"),
        (183.0, 2, "180"),
        (22_236.4, 4, "22,240"),
        (999_999.0, 2, "1e+06"),
        (1.8e9, 2, "1.8e+09"),
        (-150.0, 2, "-150"),
        (1.97e-11, 3, "1.97e-11"),
        (3.14159, 3, "3.14"),
        (math.inf, 2, "inf"),
        (math.nan, 2, "nan"),
    ],
)
def test_a_figure_has_its_digits(value: float, digits: int, text: str) -> None:
    assert figure(value, digits) == text
