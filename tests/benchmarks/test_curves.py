"""The picture of the curves: the same figures give the same file."""

from __future__ import annotations

import pytest

from benchmarks.curves import WIDE, draw, spans
from benchmarks.rows import Curve

CURVES = [
    Curve(name, "bytes", "GB/s", {"normal": [(1.0, 0.5), (10.0, 4.0)], "zeros": [(1.0, 0.6)]})
    for name in ("file size", "clients", "threads", "tensors")
]


def test_a_panel_for_every_curve_and_the_same_file_again(tmp_path):
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(CURVES, first)
    draw(CURVES, second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_text().count('id="axes_') == len(CURVES)


@pytest.mark.parametrize(("low", "wide"), [(1.0, False), (0.9, True)])
def test_an_axis_is_logarithmic_where_values_differ_much(low, wide):
    assert spans(Curve("x", "bytes", "GB/s", {"a": [(1, low)], "b": [(1, float(WIDE))]})) is wide
