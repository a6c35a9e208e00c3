"""Pictures of a histogram and of a heat map."""

from __future__ import annotations

import re

import pytest

from tensorseed.devices.registry import Devices
from tensorseed.files.elements import DrawnElements
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedTensor
from tensorseed.spec.spec import parse_query
from tensorseed.statistics.heatmap import heatmap, select_grid
from tensorseed.statistics.histogram import histogram
from tensorseed.statistics.plots import draw_heatmap, draw_histogram


def tensor_of(**query: str) -> tuple[ResolvedTensor, DrawnElements]:
    resolved = parse_query({"name": "a<b&c", **query}, Limits())
    return open_file(resolved).entry("a<b&c").tensor, DrawnElements(resolved, Devices().cpu.executor())


def text_of(picture: bytes) -> str:
    """The words of an SVG."""
    return " ".join(re.findall(r">([^<>]+)</text>", picture.decode()))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            {"shape": "40,50", "init": "uniform", "a": "-1", "b": "1"},
            "float32, 40 × 50, 2,000 elements, ",
        ),
        ({"shape": "40,50", "init": "uniform", "a": "-1", "b": "1"}, "exact density"),
        ({"shape": "40,50", "init": "trunc_normal"}, "(exact 0)"),
        ({"shape": "8,8", "init": "sparse", "sparsity": "0.5"}, "density"),
        ({"shape": "8", "init": "zeros"}, "share of the elements"),
        ({"shape": "0", "init": "zeros"}, "no elements"),
        ({"shape": "", "init": "normal"}, "a number"),
    ],
)
def test_a_histogram_says_what_it_shows(query: dict[str, str], words: str) -> None:
    found = histogram(*tensor_of(**query))
    picture = draw_histogram(found, "svg")
    assert words in text_of(picture)
    assert "a&lt;b&amp;c" in picture.decode()
    assert draw_histogram(found, "svg") == picture


EXTREME: list[tuple[dict[str, str], tuple[float, float] | None, str]] = [
    ({"init": "normal"}, (-1e308, 1e308), "5e+307"),
    ({"init": "normal"}, (-1.7976931348623157e308, 1.7976931348623157e308), "−1e+308"),
    ({"init": "normal"}, (1e308, 1.2e308), "1.2e+308"),
    ({"init": "normal"}, (-1e-310, 1e-310), "1e−310"),
    ({"init": "constant", "value": "1e308", "dtype": "float64"}, None, "1e+308"),
    ({"init": "constant", "value": "-1.7976931348623157e308", "dtype": "float64"}, None, "−1.5e+308"),
    ({"init": "normal", "std": "1e-310", "dtype": "float64"}, None, "1e−310"),
    ({"init": "normal", "std": "1e-322", "dtype": "float64"}, None, "0.4"),
    ({"init": "normal", "mean": "1e308", "std": "1e290", "dtype": "float64"}, None, "1e+308"),
    ({"init": "uniform", "a": "-8e307", "b": "8e307", "dtype": "float64"}, None, "6e+307"),
    ({"init": "normal", "std": "1e-200", "dtype": "float64"}, None, "1e−200"),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("query", "interval", "tick"), EXTREME)
def test_extreme_numbers_are_drawn_at_ticks_of_their_own(
    query: dict[str, str], interval: tuple[float, float] | None, tick: str
) -> None:
    tensor, source = tensor_of(shape="8,8", **query)
    found = histogram(tensor, source, interval=interval)
    assert tick in re.findall(r">([^<>]+)</text>", draw_histogram(found, "svg").decode())
    assert draw_histogram(found, "png").startswith(b"\x89PNG")
    assert draw_heatmap(heatmap(tensor, source, select_grid(tensor)), "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"shape": "4,5", "init": "normal"}, "float32, 4 × 5, all elements"),
        ({"shape": "100,5", "init": "normal"}, "the first 64 of 100 rows, 5 of 5 columns"),
        ({"shape": "0", "init": "normal"}, "no elements"),
        ({"shape": "3,4", "init": "zeros"}, "row"),
    ],
)
def test_a_heat_map_says_what_it_shows(query: dict[str, str], words: str) -> None:
    tensor, source = tensor_of(**query)
    found = heatmap(tensor, source, select_grid(tensor))
    assert words in text_of(draw_heatmap(found, "svg"))
    assert draw_heatmap(found, "png").startswith(b"\x89PNG")
