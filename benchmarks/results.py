"""Rows as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rows import Comparison, Curve, Reading, Row, Scale, Skipped, Target

LATEST = Path(__file__).parent / "results" / "latest.json"
KINDS = {kind.__name__.lower(): kind for kind in (Comparison, Reading, Skipped, Curve)}


def write(path: Path, facts: Mapping[str, object], sections: Mapping[str, Sequence[Row]]) -> None:
    """One run: what it ran on, and the rows of every section."""
    rows = {name: [_packed(row) for row in part] for name, part in sections.items()}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**facts, "sections": rows}, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> list[Row]:
    """The rows of all sections of a run."""
    sections = json.loads(path.read_text())["sections"]
    return [_unpacked(row) for rows in sections.values() for row in rows]


def _packed(row: Row) -> dict[str, Any]:
    verdict = {} if isinstance(row, Skipped | Curve) else {"met": row.met}
    return {"kind": type(row).__name__.lower(), **asdict(row), **verdict}


def _unpacked(packed: dict[str, Any]) -> Row:
    fields = {name: value for name, value in packed.items() if name not in ("kind", "met")}
    if fields.get("target"):
        fields["target"] = Target(**fields["target"])
    if "scale" in fields:
        fields["scale"] = Scale(**fields["scale"])
    if "lines" in fields:
        fields["lines"] = {label: [tuple(p) for p in line] for label, line in fields["lines"].items()}
    row: Row = KINDS[packed["kind"]](**fields)
    return row
