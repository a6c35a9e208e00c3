"""Weights in a notebook: rows, pictures, escaping, cost."""

from __future__ import annotations

import doctest
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tensorseed
from tensorseed.html_table import MAX_ROWS
from tensorseed.sampling.distributions.base import Storage
from tensorseed.weights import display
from tensorseed.weights.local import SAMPLE
from tests.tensorseed.weights.specs import SPEC

HOSTILE = "</td><script>alert('1')</script>\u202e&\"x"
SVG = "{http://www.w3.org/2000/svg}"


def page(weights: tensorseed.Weights) -> ElementTree.Element:
    """The HTML, which is well-formed XML too."""
    return ElementTree.fromstring(weights._repr_html_())


def rows(weights: tensorseed.Weights) -> list[list[str]]:
    """The texts of the table's rows."""
    return [["".join(part.itertext()) for part in row] for row in page(weights).iter("tr")]


def tensors(*names: str, **fields: Any) -> tensorseed.Weights:
    entry = {"type": "Tensor", "shape": [4, 3], "init": "normal", **fields}
    return tensorseed.open({"layers": [{"name": name, **entry} for name in names]})


def test_the_table_has_the_tensors_in_file_order() -> None:
    weights = tensorseed.open(SPEC)
    head, *body = rows(weights)
    assert head == ["name", "shape", "dtype", "init", "mean", "std", "bytes", "first values"]
    assert [row[0] for row in body] == list(weights)
    by_name = {row[0]: row for row in body}
    assert by_name["cube"][1:7] == ["5 × 6 × 7", "float32", "normal(mean=0, std=1)", "0", "1", "840"]
    assert by_name["scalar"][1] == "a number"
    assert by_name["empty"][4:7] == ["", "", "0"]
    assert f"10 tensors, {weights.size:,} bytes" in weights._repr_html_()


def test_tensors_that_are_alike_share_a_row() -> None:
    linear = {"name": "l.{0..11}", "type": "Linear", "in_features": 4, "out_features": 2}
    apart = {"name": "l.5.extra", "type": "Tensor", "shape": [2], "init": "ones"}
    head, *body = rows(tensorseed.open({"layers": [linear, apart]}))
    assert head[:2] == ["name", "tensors"]
    assert [row[:2] for row in body] == [
        ["l.{0..11}.bias", "12"],
        ["l.{0..11}.weight", "12"],
        ["l.5.extra", "1"],
    ]
    assert body[1][-2] == str(12 * 4 * 2 * 4)


def test_random_tensors_have_pictures() -> None:
    weights = tensors("w", shape=[100, 100])
    (picture,) = page(weights).iter(f"{SVG}svg")
    drawn, zero = picture.iter(f"{SVG}path")
    values = np.asarray(weights["w"]).reshape(-1)[:SAMPLE]
    (title,) = picture.iter(f"{SVG}title")
    assert f"from {values.min():.4g}".replace("-", "−") in str(title.text)
    assert drawn.attrib["d"].count("h") == display.BINS
    assert float(zero.attrib["d"][1:].partition(" ")[0]) == pytest.approx(
        display.WIDTH * -values.min() / np.ptp(values), abs=0.1
    )


@pytest.mark.parametrize(
    "fields",
    [{"init": "zeros"}, {"init": "orthogonal"}, {"init": "eye"}, {"shape": []}, {"shape": [0]}],
    ids=str,
)
def test_tensors_that_are_not_random_or_cost_much_have_none(fields: dict[str, Any]) -> None:
    assert not list(page(tensors("w", **fields)).iter(f"{SVG}svg"))
    assert rows(tensors("w", **fields))[0][-1] == "bytes"


def test_a_file_of_generator_torch_is_not_computed_for_a_picture() -> None:
    weights = tensorseed.open({"generator": "torch", "layers": SPEC["layers"][:1]})
    assert not list(page(weights).iter(f"{SVG}svg"))


def test_few_elements_of_few_tensors_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tensorseed.open(
        {
            "layers": [
                {"name": f"t{i}x{'y' * i}", "type": "Tensor", "shape": [1 << 20, 1 << 20], "init": "normal"}
                for i in range(MAX_ROWS + 10)
            ]
        }
    )
    source, sizes = weights._computation.source, []
    fill = source.fill

    def counted(tensor: Any, first: int, out: Storage) -> None:
        sizes.append(out.size)
        fill(tensor, first, out)

    monkeypatch.setattr(source, "fill", counted)
    found = rows(weights)
    assert sizes == [SAMPLE] * display.MAX_PICTURES
    assert len(found) == MAX_ROWS + 2
    assert found[-1] == ["and 10 more tensors"]


def test_names_are_escaped() -> None:
    weights = tensors(HOSTILE, "a" * 300)
    html = weights._repr_html_()
    assert "<script>" not in html
    assert "\u202e" not in html
    names: Sequence[str] = [row[0] for row in rows(weights)]
    assert HOSTILE.replace("\u202e", "\\u202e") in names
    assert "a" * 39 + "…" + "a" * 39 in names


def test_a_file_without_tensors_is_an_empty_table() -> None:
    assert rows(tensorseed.open({"layers": []})) == [
        ["name", "shape", "dtype", "init", "mean", "std", "bytes"]
    ]


def test_other_weights_are_shown_by_their_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tensorseed.open(SPEC)
    local = rows(weights)
    for name in ("_plan_rows", "_sample"):
        monkeypatch.delattr(type(weights), name)
    assert rows(weights) == [row[:-1] for row in local]


def test_a_part_without_a_plan_is_shown_without_inits(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tensorseed.open(SPEC)

    def plan(_: Any) -> Any:
        raise tensorseed.UnrepresentableError("a slice has no plan")

    monkeypatch.delattr(type(weights), "_plan_rows")
    monkeypatch.setattr(type(weights), "plan", plan)
    by_name = {row[0]: row for row in rows(weights)}
    assert by_name["cube"][1:4] == ["5 × 6 × 7", "float32", "840"]


def test_the_examples_of_the_docstrings() -> None:
    assert doctest.testmod(display).attempted > 0
    assert doctest.testmod(display).failed == 0


def test_an_init_of_parts_is_described_by_its_first_parts() -> None:
    listed = [{"size": 3, "init": {"kind": "normal", "std": 0.5}, "repeat": 2, "copies": 3}]
    text = display.describe_init(
        {"kind": "parts", "axis": 1, "parts": listed + [{"size": 1, "init": "ones"}] * 9}
    )
    assert text == "parts(axis=1, 2 × 3: normal(std=0.5) in 3 copies, 1: ones, 1: ones, 1: ones, …)"
