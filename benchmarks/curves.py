"""Curves of the latest run as a picture: `python -m benchmarks.curves`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import LATEST, read
from benchmarks.rows import Curve

PICTURE = Path(__file__).parents[1] / "docs" / "growth.svg"
WIDE = 20  # times
STYLE = {"svg.hashsalt": "growth", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


def draw(curves: Sequence[Curve], path: Path) -> None:
    """One panel a curve, as an SVG. It has no date: equal figures are equal files."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(4 * columns, 2.8 * rows), layout="constrained")
        for place, curve in enumerate(curves, 1):
            axes = figure.add_subplot(rows, columns, place)
            for label, points in curve.lines.items():
                axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=label)
            axes.set(title=curve.name, xlabel=curve.x, ylabel=curve.y, xscale="log")
            axes.set(yscale="log") if spans(curve) else axes.set_ylim(bottom=0)
            axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None})


def spans(curve: Curve) -> bool:
    """Whether the curve's values differ so much that only a logarithmic axis shows the small ones."""
    values = [y for points in curve.lines.values() for _, y in points]
    return max(values) > WIDE * min(values)


if __name__ == "__main__":
    draw([row for row in read(LATEST) if isinstance(row, Curve)], PICTURE)
