"""Pictures of sweeps: the choice of axes, and what the SVG says."""

from __future__ import annotations

import json
import math
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tensorseed.sweeps.grid import Grid
from tensorseed.sweeps.plots import draw
from tensorseed.sweeps.plots.choice import choose
from tensorseed.sweeps.plots.heat_map import Cells
from tensorseed.sweeps.plots.scales import edges
from tensorseed.sweeps.rows import refused_row
from tests.tensorseed.sweeps.grids import grid_of, tanh

SPACE = "{http://www.w3.org/2000/svg}"
NET = {**tanh(2, 4), "optimizer": "SGD", "steps": 3}


def grid(**axes: Any) -> Grid:
    return Grid.read(grid_of(NET, **{"sigma_w": [1], "sigma_b": [0], **axes}))


def rows(of: Grid, value: Any) -> list[dict[str, Any]]:
    """Rows whose numbers are functions of their point."""
    found = []
    for index in range(len(of)):
        point = of.point(index)
        number = value(point)
        found.append(
            {"point": index, **point, **refused_row(""), "gradient_gain": number, "final_loss": number}
        )
    return found


def texts(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(text.itertext()) for text in root.iter(f"{SPACE}text")]


@pytest.mark.parametrize(
    ("axes", "options", "chosen"),
    [
        (
            {"sigma_w": [1, 2, 3, 4], "sigma_b": [0, 1, 2], "seed": [1, 2]},
            (),
            ("sigma_w", "sigma_b", "gradient_gain"),
        ),
        ({"sigma_w": [1, 2], "sigma_b": [0, 1, 2, 3]}, (), ("sigma_b", None, "final_loss")),
        ({"sigma_w": [1, 2], "seed": [1, 2, 3, 4]}, (), ("sigma_w", None, "final_loss")),
        ({"sigma_w": [1, 2, 3], "sigma_b": [0, 1, 2]}, ("sigma_b",), ("sigma_b", None, "final_loss")),
        ({"sigma_w": [1, 2, 3], "sigma_b": [0, 1]}, (None, "sigma_b", "std"), ("sigma_w", "sigma_b", "std")),
    ],
)
def test_axes_are_chosen_by_their_numbers(axes: Any, options: Any, chosen: Any) -> None:
    picture = choose(grid(**axes), *[*options, None, None, None][:3])
    assert (picture.x.name, picture.y and picture.y.name, picture.value) == chosen


@pytest.mark.parametrize(
    ("axes", "options", "words"),
    [
        ({"sigma_w": [1]}, (None, None, None), "two numbers or more"),
        ({"sigma_w": [1, 2]}, ("sigma", None, None), "did you mean sigma_w"),
        ({"sigma_w": [1, 2]}, ("sigma_w", "sigma_w", None), "name two axes"),
        ({"sigma_w": [1, 2]}, ("sigma_b", None, None), "two numbers or more"),
        ({"sigma_w": [1, 2]}, (None, None, "gain"), "unknown column"),
        ({"sigma_w": [-1e308, 1e308]}, (None, None, None), "too far apart"),
        ({"seed": [2**63, 2**63 + 1]}, ("seed", None, None), "too close together"),
        (
            {"sigma_w": list(range(1, 10)), "sigma_b": [0, 1]},
            ("sigma_b", None, None),
            "9 lines, over 8, of sigma_w",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said_before_computing(axes: Any, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        choose(grid(**axes), *options)


def test_the_contour_is_interpolated_in_the_logarithm() -> None:
    of = grid(sigma_w=[1, 2, 3], sigma_b=[0, 1, 2], seed=[1, 2, 3])
    cells = Cells.of(
        rows(of, lambda p: 10.0 ** (2 * p["sigma_w"] - 3 - p["sigma_b"])), choose(of, None, None, None)
    )
    (line,) = cells.contour()
    for x, y in line:
        assert 2 * x - 3 - y == pytest.approx(0)
    assert min(y for _, y in line) == 0
    assert cells.contour(1e9) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, None, -1.0])
def test_any_numbers_are_drawn(value: float | None) -> None:
    of = grid(sigma_w=[1, 2, 3], sigma_b=[0, 1, 2])
    some = rows(of, lambda point: value if point["sigma_w"] == 2 else float(point["sigma_b"]))
    for found, y, column in (
        (rows(of, lambda _: value), "sigma_b", "gradient_gain"),
        (some, "sigma_b", "final_loss"),
        (some, None, "final_loss"),
    ):
        assert draw(found, choose(of, "sigma_w", y, column), "svg").startswith(b"<?xml")


def test_a_picture_says_what_it_shows_and_is_the_same_again() -> None:
    of = Grid.read(
        grid_of(
            {**NET, "input": {"shape": [2, 4], "init": "${init}"}},
            sigma_w={"geomspace": [0.01, 10, 4]},
            sigma_b=[0],
            init=["normal", {"kind": "uniform", "a": 0, "b": 1}],
            seed=[0, 1, 2],
        )
    )
    found = rows(of, lambda p: p["sigma_w"] * (1 + p["seed"]))
    svg = draw(found, choose(of, None, None, None), "svg")
    assert svg == draw(found, choose(of, None, None, None), "svg")
    words = texts(svg)
    assert "final_loss by sigma_w" in words
    assert any("band from least to greatest, over 3 of seed" in text for text in words)
    assert "init normal, sigma_b 0" in " ".join(words) or "sigma_b 0, init normal" in words
    assert json.dumps({"kind": "uniform", "a": 0, "b": 1}, separators=(",", ":")) in " ".join(words)
    assert re.search(rb'width="864pt"', svg), "1,200 pixels"


def test_edges_are_midway() -> None:
    assert edges(np.array([0.0, 1.0, 3.0])).tolist() == [-0.5, 0.5, 2.0, 4.0]
    assert edges(np.array([1.0, 100.0])) == pytest.approx([0.1, 10.0, 1000.0])
