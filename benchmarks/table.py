"""Rows as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.rows import Comparison, Curve, Reading, Row, Skipped, Target, digits

HEADER = (
    "| work | against | ours | theirs | times as fast (least to most) | target | met |\n"
    "|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """One line of the table; of a curve one for every point."""
    match row:
        case Comparison():
            cells = [row.name, row.against, row.scale.tell(row.ours), row.scale.tell(row.theirs)]
            return _line(*cells, _ratio(row), _target(row.target, "×"), _met(row.met))
        case Reading():
            value = f"{digits(row.value)} {row.unit}".strip()
            return _line(row.name, "", value, "", "", _target(row.target, f" {row.unit}"), _met(row.met))
        case Skipped():
            return _line(row.name, f"not measured: {row.reason}", "", "", "", "", "")
        case Curve():
            return "\n".join(_points(row))


def summary(rows: Iterable[Row]) -> str:
    """How many targets are met, and which are not."""
    judged = [row for row in rows if isinstance(row, Comparison | Reading) and row.met is not None]
    missed = [f"{row.name} ({_short(row)})" for row in judged if not row.met]
    count = f"{len(judged) - len(missed)} of {len(judged)} targets met"
    return f"{count}; not met: {'; '.join(missed)}" if missed else count


def _short(row: Comparison | Reading) -> str:
    if isinstance(row, Reading):
        return f"{digits(row.value)} {row.unit}".strip()
    return f"against {row.against}: {_ratio(row)}"


def _points(curve: Curve) -> Iterable[str]:
    for label, points in curve.lines.items():
        for x, y in points:
            yield _line(f"{curve.name}: {curve.x} {x:,.0f}", label, f"{digits(y)} {curve.y}", "", "", "", "")


def _ratio(row: Comparison) -> str:
    if row.target is not None and row.target.maximum:
        return f"{1 / row.ratio:.2f}× as long ({1 / row.high:.2f}–{1 / row.low:.2f})"
    return f"{row.ratio:.2f}× ({row.low:.2f}–{row.high:.2f})"


def _target(target: Target | None, unit: str) -> str:
    if target is None:
        return ""
    return f"{'at most' if target.maximum else 'at least'} {target.bound:g}{unit}"


def _met(met: bool | None) -> str:
    return {None: "", True: "yes", False: "NO"}[met]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
