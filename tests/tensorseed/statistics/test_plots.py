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
