"""Grids: axes, templates, and a sentence for each fault."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tensorseed.errors import TooLargeError
from tensorseed.sweeps.grid import MAX_POINTS, Grid, GridError
from tests.tensorseed.sweeps.grids import grid_of, tanh

NET: dict[str, Any] = {
    "layers": [{"name": "a", "type": "Linear", "in_features": 4, "out_features": 4}],
    "input": {"shape": [2, 4]},
}

SGD = {**NET, "optimizer": {"kind": "SGD"}}


def requests(grid: Grid) -> list[Any]:
    return [json.loads(grid.request(index)) for index in range(len(grid))]


def faults(body: Any) -> dict[str, str]:
    with pytest.raises(GridError) as caught:
        Grid.read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_points_are_those_of_itertools_product() -> None:
    """The order of sklearn's ParameterGrid and of nested loops: the last axis is the fastest."""
    grid = Grid.read(
        grid_of(NET, seed=[3, 1], input__init=["normal", "uniform"], dtype=["float32", "float64"])
    )
    wanted = list(itertools.product([3, 1], ["normal", "uniform"], ["float32", "float64"]))
    assert [tuple(grid.point(index).values()) for index in range(len(grid))] == wanted
    for request, (seed, init, dtype) in zip(requests(grid), wanted, strict=True):
        assert (request["seed"], request["input"]["init"], request["dtype"]) == (seed, init, dtype)


def test_a_reference_is_the_value_or_part_of_a_text() -> None:
    net = {
        "layers": [
            {
                "name": "h.{1..${depth}}",
                "type": "Linear",
                "in_features": "${width}",
                "out_features": "${width}",
            },
            {"name": "h.{1..${depth}}.act", "type": "${act}"},
        ],
        "input": {"shape": [2, "${width}"], "init": "${init}"},
    }
    init = {"kind": "normal", "std": 0.5}
    grid = Grid.read(grid_of(net, depth=[3], width=[4], act=["Tanh"], init=[init]))
    (request,) = requests(grid)
    assert request["layers"][0] == {"name": "h.{1..3}", "type": "Linear", "in_features": 4, "out_features": 4}
    assert request["layers"][1] == {"name": "h.{1..3}.act", "type": "Tanh"}
    assert request["input"] == {"shape": [2, 4], "init": init}
    assert grid.describe(0) == 'depth=3, width=4, act=Tanh, init={"kind":"normal","std":0.5}'


def test_a_path_leads_into_the_evaluation() -> None:
    grid = Grid.read(
        grid_of({**NET, "optimizer": {"kind": "SGD"}}, optimizer__lr=[0.1], layers__0__init=["zeros"])
    )
    (request,) = requests(grid)
    assert request["optimizer"] == {"kind": "SGD", "lr": 0.1}
    assert request["layers"][0]["init"] == "zeros"
    assert "init" not in NET["layers"][0], "the template stays as it is"


def test_no_point_shares_a_value_with_another() -> None:
    grid = Grid.read(
        grid_of({**NET, "init": "${init}"}, init=[{"kind": "normal"}], input__init=[{"kind": "zeros"}])
    )
    first = grid.template.filled(grid.point(0))
    first["init"]["std"] = first["input"]["init"]["std"] = 2
    assert grid.template.filled(grid.point(0)) == {
        **NET,
        "init": {"kind": "normal"},
        "input": {**NET["input"], "init": {"kind": "zeros"}},
    }


def test_spaces_are_round_numbers_on_every_machine() -> None:
    grid = Grid.read(
        grid_of(
            tanh(2, 4),
            sigma_w={"linspace": [0, 0.3, 4]},
            sigma_b={"geomspace": [1e-4, 1, 5]},
            seed={"range": [1, 6, 2]},
        )
    )
    assert grid.axes[0].values == (0.0, 0.1, 0.2, 0.3)
    assert grid.axes[1].values == (0.0001, 0.001, 0.01, 0.1, 1.0)
    assert grid.axes[2].values == (1, 3, 5)
    assert Grid.read(grid_of(NET, seed={"values": [5]})).axes[0].values == (5,)


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        (b"{", "", "JSON"),
        ([], "", "a grid is an object with evaluation and grid"),
        ({"evaluation": NET, "parameters": {}}, "/parameters", "unknown field"),
        ({"evaluation": NET, "grid": {}}, "/grid", "write its axes"),
        (grid_of(NET, sead=[1]), "/grid/sead", "write ${sead} in the evaluation where its values go"),
        (grid_of(NET, optimizer__lr__x=[1]), "/grid/optimizer.lr.x", "optimizer is no object"),
        (grid_of({**NET, "loss": "mse_loss"}, loss__x=[1]), "/grid/loss.x", "loss is no object"),
        (grid_of(NET, layers__1__init=[1]), "/grid/layers.1.init", "layers is a list of 1"),
        (grid_of({**NET, "seed": "${sed}"}, seed_=[1]), "/evaluation/seed", "did you mean seed_?"),
        (grid_of(NET, loss=["mse_loss"]), "/grid/loss", "loss is a column of the results"),
        (grid_of(NET, seed=[]), "/grid/seed", "an axis is a list of values"),
        (grid_of(NET, seed=3), "/grid/seed", "an axis is a list of values"),
        (grid_of(NET, seed=[1, 2, 1]), "/grid/seed/2", "give each value once"),
        (grid_of(NET, seed={"linspce": [0, 1, 2]}), "/grid/seed/linspce", "did you mean linspace?"),
        (grid_of(NET, seed={"linspace": [0, 1]}), "/grid/seed/linspace", "start, stop and number of values"),
        (grid_of(NET, seed={"linspace": [0, 1, 1]}), "/grid/seed/linspace", "whole number from 2"),
        (grid_of(NET, seed={"linspace": [1, 1, 3]}), "/grid/seed/linspace", "move the ends apart"),
        (grid_of(NET, seed={"geomspace": [0, 1, 3]}), "/grid/seed/geomspace", "both ends are above 0"),
        (grid_of(NET, seed={"range": [0]}), "/grid/seed/range", "may have 1 to"),
        (grid_of(NET, seed={"range": [0, 1, 0]}), "/grid/seed/range", "start, stop and perhaps step"),
        (grid_of(NET, seed={"range": [0.5]}), "/grid/seed/range", "write {"),
        (grid_of({**NET, "compare": ["zeros"]}, seed=[1]), "/evaluation/compare", "leave compare out"),
        (grid_of({**NET, "return_weights": True}, seed=[1]), "/evaluation/return_weights", "leave return"),
        (grid_of(NET, compare=[["zeros"]]), "/grid/compare", "leave compare out"),
        (grid_of(NET, return_weights=[False, True]), "/grid/return_weights", "leave return_weights out"),
        (
            grid_of(SGD, optimizer=["SGD"], optimizer__lr=[1]),
            "/grid/optimizer.lr",
            "within the axis optimizer",
        ),
        (
            grid_of(SGD, optimizer__lr=[1], optimizer=["SGD"]),
            "/grid/optimizer.lr",
            "within the axis optimizer",
        ),
        (grid_of(NET, layers__0__name=[1], layers__00__name=[2]), "/grid/layers.00.name", "within the axis"),
        (grid_of({**SGD, "seed": "${s}"}, seed=[1], s=[2]), "/grid/seed", "overwrites the place of ${s}"),
        (
            grid_of({**NET, "input": {"shape": ["${n}", 4]}}, input=[{}], n=[2]),
            "/grid/input",
            "place of ${n}",
        ),
    ],
)
def test_a_fault_has_its_pointer_and_its_remedy(body: Any, pointer: str, words: str) -> None:
    found = faults(body)
    assert pointer in found
    assert words in found[pointer]


def test_the_number_of_points_is_bounded_before_any_is_made() -> None:
    axes = {f"layers.{index}.x": {"range": [1000]} for index in range(5)}
    body = json.dumps({"evaluation": {**NET, "layers": [{}] * 5}, "grid": axes}).encode()
    with pytest.raises(TooLargeError, match=f"over {MAX_POINTS:,}"):
        Grid.read(body)
