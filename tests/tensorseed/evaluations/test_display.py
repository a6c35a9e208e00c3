"""Evaluation reports in a notebook: a document, tables, a picture."""

from __future__ import annotations

import base64
import doctest
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from service.evaluations.representations import report_text
from tensorseed import html_table
from tensorseed.errors import UnrepresentableError
from tensorseed.evaluations import display
from tensorseed.evaluations.display import EvaluationReport
from tensorseed.evaluations.report import CalibratedLayer, Calibration, Comparison, EvaluationWarning
from tests.tensorseed.evaluations.plots.reports import INF, NAN, report

HOSTILE = "</td><script>alert('1')</script>\u202e&\"x"


def shown(answer: Any) -> EvaluationReport:
    """The report as a client of the service gets it."""
    return EvaluationReport(json.loads(report_text(answer)))


def page(document: EvaluationReport) -> ElementTree.Element:
    """The HTML, which is well-formed XML too."""
    return ElementTree.fromstring(document._repr_html_())


def rows(document: EvaluationReport) -> list[list[str]]:
    """The texts of the tables' rows."""
    return [["".join(cell.itertext()) for cell in row] for row in page(document).iter("tr")]


def test_it_is_the_document() -> None:
    text = report_text(report())
    document = EvaluationReport(json.loads(text))
    assert dict(document) == json.loads(text)
    assert document["layers"][0]["name"] == "fc1"
    assert list(document.reports) == [document]
    assert repr(document) == "EvaluationReport(3 layers, loss=2.5, 0 warnings)"


def test_a_notebook_shows_layers_and_the_picture() -> None:
    found = rows(shown(report()))
    assert found[0][:5] == ["layer", "type", "output", "std", "mean"]
    assert found[1][:5] == ["fc1", "Linear", "4 × 8", "1", "0"]
    assert "saturated" not in found[0]  # which no layer has
    (picture,) = page(shown(report())).iter("img")
    svg = base64.b64decode(picture.attrib["src"].partition("base64,")[2])
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg.decode() == shown(report()).svg()


def test_a_calibration_has_a_table() -> None:
    about: Any = {"std_before": 0.5, "std_after": 1.0, "iterations": 1}
    layers = (
        CalibratedLayer(name="fc1", factor=2.0, init={"kind": "normal", "std": 0.25}, **about),
        CalibratedLayer(name=HOSTILE, factor=1.0, init=None, remark="several", **about),
    )
    calibration = Calibration(method="lsuv", spec={}, token=None, url=None, etag='"a"', layers=layers)
    document = shown(report(calibration=calibration))
    found = rows(document)
    head = found.index(["layer", "factor", "std before", "std after", "iterations", "init", "remark"])
    assert found[head + 1] == ["fc1", "2", "0.5", "1", "1", '{"kind": "normal", "std": 0.25}', ""]
    assert found[head + 2][1:] == ["1", "0.5", "1", "1", "", "several"]
    assert "calibrated by lsuv" in "".join(page(document).itertext())


def test_variants_stand_side_by_side() -> None:
    warning = EvaluationWarning(layer="fc1", code="dead_units", detail="draw more")
    document = shown(Comparison(reports=(report("a"), report("b", warnings=(warning,)))))
    assert repr(document) == "EvaluationReport(2 variants)"
    assert [row[0] for row in rows(document)[:3]] == ["variant", "a", "b"]
    assert rows(document)[0][-2] == "loss after the last step"
    unstepped = Comparison(reports=(report("a", losses=(2.5,)), report("b", losses=(2.0,))))
    assert rows(shown(unstepped))[0][-2:] == ["gradient norm", "warnings"]
    assert rows(document)[2][-1] == "dead_units"
    assert ["".join(part.itertext()) for part in page(document).iter("summary")] == ["a", "b"]
    assert "dead_units at fc1: draw more" in ["".join(part.itertext()) for part in page(document).iter("p")]


def test_numbers_that_json_lacks_are_words() -> None:
    document = shown(report(stds=(NAN, INF, 0.0), losses=(NAN, 1.0)))
    assert [row[3] for row in rows(document)[1:]] == ["NaN", "Infinity", "0"]
    assert "<svg" in document.svg()


def test_names_are_escaped() -> None:
    hostile = report(HOSTILE, names=(HOSTILE, "b" * 300, "c"))
    html = shown(Comparison(reports=(hostile, hostile)))._repr_html_()
    assert "<script>" not in html
    assert "\u202e" not in html
    assert HOSTILE.replace("\u202e", "\\u202e") in [row[0] for row in rows(shown(hostile))]
    assert "b" * 39 + "…" + "b" * 39 in [row[0] for row in rows(shown(hostile))]


def test_a_deep_network_is_cut_short() -> None:
    count = html_table.MAX_ROWS + 5
    deep = report(names=[f"l{i}" for i in range(count)], stds=[1.0] * count, gradients=[1.0] * count)
    assert len(rows(shown(deep))) == html_table.MAX_ROWS + 2
    assert rows(shown(deep))[-1] == ["and 5 more"]


def test_without_matplotlib_there_are_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "find_spec", lambda _: None)
    document = shown(report())
    with pytest.raises(UnrepresentableError, match="install it"):
        document.svg()
    assert "needs matplotlib" in document._repr_html_()
    assert len(rows(document)) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"news": 1}, "cannot draw the report: news"),
        ({"layers": []}, "without layers"),
        ({"dtype": 1}, "dtype"),
    ],
)
def test_a_report_that_cannot_be_drawn_says_why(change: dict[str, Any], words: str) -> None:
    document = EvaluationReport({**json.loads(report_text(report())), **change})
    with pytest.raises(UnrepresentableError, match=words):
        document.svg()
    assert words in document._repr_html_()


@pytest.mark.parametrize("module", [display, html_table])
def test_the_examples_of_the_docstrings(module: Any) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
