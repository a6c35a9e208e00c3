"""Evaluation report in a notebook: a JSON document as tables and picture."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from tensorseed.errors import UnrepresentableError
from tensorseed.html_table import MAX_ROWS, Column, Html, cell, table, to_html
from tensorseed.spec.json.values import spell_nonfinite

if TYPE_CHECKING:
    from tensorseed.evaluations.report import Comparison, Report
    from tensorseed.pictures import Form

_LAYERS = {
    "std": "std",
    "mean": "mean",
    "gradient_std": "gradient std",
    "parameter_gradient_norm": "parameters' gradient norm",
    "zeros": "zeros",
    "dead": "dead",
    "saturated": "saturated",
    "effective_rank": "effective rank",
    "similarity": "similarity",
}
_VARIANTS = {
    "seed": "seed",
    "dtype": "dtype",
    "loss": "loss",
    "gradient_norm": "gradient norm",
}
_CALIBRATED = {
    "factor": "factor",
    "std_before": "std before",
    "std_after": "std after",
    "iterations": "iterations",
}
_WARNING = "border-left:3px solid #c44e00;padding:0.1em 0.7em;margin:0.3em 0"


class EvaluationReport(Mapping[str, Any]):
    """The JSON document that POST /v1/evaluations answers; a notebook shows tables and the picture.

    A number that JSON lacks is one of the words NaN, Infinity and -Infinity.
    A document with `compare` holds one report for each variant, in `reports`.

    Attributes:
        url: where GET serves the report and its picture, relative to the host; None where no service
            answered, and where it named no URL.

    >>> report = EvaluationReport({"label": None, "loss": 2.3, "layers": [], "warnings": []})
    >>> report["loss"]
    2.3
    """

    def __init__(self, document: Mapping[str, Any], url: str | None = None) -> None:
        self._document = document
        self.url = url

    def __getitem__(self, name: str) -> Any:
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    def __repr__(self) -> str:
        if self._is_comparison:
            return f"EvaluationReport({len(self.reports)} variants)"
        layers, warnings = len(self.get("layers") or ()), len(self.get("warnings") or ())
        return f"EvaluationReport({layers} layers, loss={self.get('loss')}, {warnings} warnings)"

    @property
    def reports(self) -> Sequence[Mapping[str, Any]]:
        """The reports of the variants, or the only one."""
        return self["reports"] if self._is_comparison else [self]

    @property
    def _is_comparison(self) -> bool:
        return "reports" in self._document

    @classmethod
    def of(cls, answer: Report | Comparison) -> Self:
        """The document of an evaluation that was computed in this process."""
        return cls(spell_nonfinite(answer.model_dump()))

    def svg(self) -> str:
        """Draw the signals through depth, and the losses, as an SVG document. It takes about a second.

        Raises:
            UnrepresentableError: matplotlib is not installed, or the document is not one that this version
                of tensorseed draws.
        """
        return self._drawn("svg").decode()

    def png(self) -> bytes:
        """Draw the same picture as PNG, 1,200 pixels wide.

        Raises:
            UnrepresentableError: as `svg`.
        """
        return self._drawn("png")

    def _drawn(self, form: Form) -> bytes:
        if find_spec("matplotlib") is None:
            raise UnrepresentableError("the picture needs matplotlib: install it, or read the numbers")
        from tensorseed.evaluations.plots import draw
        from tensorseed.evaluations.report import Report

        try:
            reports = [
                Report.model_validate({name: value for name, value in report.items() if name != "weights"})
                for report in self.reports
            ]
        except ValidationError as error:
            first = error.errors()[0]
            place = "/".join(map(str, first["loc"]))
            raise UnrepresentableError(
                f"this version of tensorseed cannot draw the report: {place}: {first['msg']}"
            ) from None
        if not reports or not reports[0].layers:
            raise UnrepresentableError("a report without layers has no picture")
        return draw(reports, form)

    def _repr_html_(self) -> str:
        if self._is_comparison:
            parts = [_variants(self.reports), *map(_folded, self.reports[:MAX_ROWS])]
        else:
            parts = [_one(self)]
        return f"<div>{''.join(parts)}{self._picture()}</div>"

    def _picture(self) -> Html:
        """The picture, as an image whose identifiers meet no others of the page; why there is none."""
        try:
            svg = self.svg()
        except UnrepresentableError as error:
            return Html(f"<p>{to_html(str(error))}</p>")
        data = base64.b64encode(svg.encode()).decode()
        style = "width:100%;max-width:900px;background:white"
        return Html(f'<img alt="{_title(self)}" style="{style}" src="data:image/svg+xml;base64,{data}" />')


def _title(report: EvaluationReport) -> Html:
    return to_html(f"Signals and losses of {report!r}")


def _one(report: Mapping[str, Any]) -> Html:
    return Html(_warnings(report) + _layers(report) + _calibration(report))


def _folded(report: Mapping[str, Any]) -> Html:
    """A variant's tables, which a click unfolds."""
    return Html(f"<details><summary>{cell(str(report.get('label')))}</summary>{_one(report)}</details>")


def _layers(report: Mapping[str, Any]) -> Html:
    layers = report.get("layers") or []
    shown = [name for name in _LAYERS if any(layer.get(name) is not None for layer in layers)]
    rows = [
        [
            cell(str(layer.get("name"))),
            cell(str(layer.get("type"))),
            _shape(layer.get("shape")),
            *(_number(layer.get(name)) for name in shown),
        ]
        for layer in layers[:MAX_ROWS]
    ]
    columns = [Column("layer"), Column("type"), Column("output")]
    columns += [Column(_LAYERS[name], numeric=True) for name in shown]
    more = len(layers) - len(rows)
    note = f"and {more:,} more" if more else ""
    return table(columns, rows, summary(report), note)


def _calibration(report: Mapping[str, Any]) -> str:
    """The factor of each layer, with its deviations before and after; nothing without a calibration."""
    calibration = report.get("calibration")
    if not calibration:
        return ""
    layers = calibration.get("layers") or []
    rows = [
        [
            cell(str(layer.get("name"))),
            *(_number(layer.get(name)) for name in _CALIBRATED),
            cell(_init(layer.get("init"))),
            cell(str(layer.get("remark") or "")),
        ]
        for layer in layers[:MAX_ROWS]
    ]
    columns = [Column("layer"), *(Column(title, numeric=True) for title in _CALIBRATED.values())]
    more = len(layers) - len(rows)
    note = f"and {more:,} more" if more else ""
    caption = f"calibrated by {calibration.get('method')}"
    return table([*columns, Column("init"), Column("remark")], rows, caption, note)


def _init(init: Any) -> str:
    """An init as a spec has it."""
    return "" if init is None else init if isinstance(init, str) else json.dumps(init)


def summary(report: Mapping[str, Any]) -> str:
    """The seed, dtype and device; the loss, beside that of a network that knows nothing."""
    parts = [f"{name} {report[name]}" for name in ("seed", "dtype", "device") if report.get(name) is not None]
    if report.get("loss") is not None:
        loss = f"loss {_number(report['loss'])}"
        expected = report.get("expected_loss")
        if expected:
            loss += f", expected untrained {_number(expected.get('value'))} ({expected.get('formula')})"
        parts.append(loss)
    if report.get("steps"):
        parts.append(f"{_number(report['steps'][-1])} after {len(report['steps']):,} steps")
    return "; ".join(parts)


def _variants(reports: Sequence[Mapping[str, Any]]) -> Html:
    rows = []
    stepped = any(report.get("steps") for report in reports)
    for report in reports[:MAX_ROWS]:
        steps, warnings = report.get("steps") or [None], report.get("warnings") or []
        found = ", ".join(str(warning.get("code")) for warning in warnings)
        numbers = [_number(report.get(name)) for name in _VARIANTS]
        last = [_number(steps[-1])] if stepped else []
        rows.append([cell(str(report.get("label"))), *numbers, *last, cell(found)])
    columns = [Column("variant"), *(Column(title, numeric=True) for title in _VARIANTS.values())]
    columns += [Column("loss after the last step", numeric=True)] if stepped else []
    columns.append(Column("warnings"))
    more = len(reports) - len(rows)
    note = f"and {more:,} more" if more else ""
    return table(columns, rows, f"{len(reports):,} variants", note)


def _warnings(report: Mapping[str, Any]) -> str:
    lines = []
    for warning in (report.get("warnings") or [])[:MAX_ROWS]:
        code, layer = to_html(str(warning.get("code"))), cell(str(warning.get("layer") or "the network"))
        detail = to_html(str(warning.get("detail")))
        lines.append(f'<p style="{_WARNING}"><b>{code}</b> at {layer}: {detail}</p>')
    return "".join(lines)


def _shape(shape: Any) -> str:
    return " × ".join(map(str, shape)) or "a number" if isinstance(shape, list | tuple) else ""


def _number(value: Any) -> str:
    """A number in four digits; a word as it is; nothing for null."""
    if value is None:
        return ""
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)
