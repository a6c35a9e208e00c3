"""Learned scales in networks, against modules with the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

import tensorseed
from tests.tensorseed.evaluations.cases import faults, report
from tests.tensorseed.evaluations.findings.networks import (
    FLAT,
    TEN,
    WIDTH,
    XAVIER,
    act,
    conv,
    images,
    linear,
    residual,
    stream,
)

ENTRIES = [
    conv("stem", 3, 4, None),
    conv("a.conv", 4, 4, None),
    {"name": "a.ls", "type": "LayerScale", "dim": 4, "axis": 1},
    conv("b.conv", 4, 4, None),
    {"name": "b.alpha", "type": "LayerScale", "dim": 1, "init": {"gamma": "zeros"}},
    linear("c.fc", 4, 4, XAVIER),
    {"name": "c.ls", "type": "LayerScale", "dim": 4, "init": {"gamma": {"kind": "normal", "std": 0.5}}},
    linear("head", 4, 5),
]
"""The entries of a spec that have the tensors of LAYERS."""


def inside(name: str, *others: dict[str, Any]) -> dict[str, Any]:
    """The Residual of the entries under a name, with modules between them."""
    first, last = [
        {**one, "name": one["name"].partition(".")[2]} for one in ENTRIES if one["name"].startswith(name)
    ]
    return residual(name.rstrip("."), first, *others, last)


LAYERS = [
    ENTRIES[0],
    inside("a.", act("ReLU")),
    inside("b."),
    act("Mean", dim=[2, 3]),
    inside("c.", act("Tanh")),
    ENTRIES[-1],
]


class Scale(torch.nn.Module):
    """timm's LayerScale, for an axis with some behind it."""

    def __init__(self, dim: int, behind: int) -> None:
        super().__init__()
        self.gamma = torch.nn.Parameter(torch.empty(dim))
        self.behind = behind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma.reshape(-1, *[1] * self.behind)


class Net(torch.nn.Module):
    """The network as a person writes it."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.a = nn.ModuleDict({"conv": nn.Conv2d(4, 4, 3, padding=1), "ls": Scale(4, 2)})
        self.b = nn.ModuleDict({"conv": nn.Conv2d(4, 4, 3, padding=1), "alpha": Scale(1, 0)})
        self.c = nn.ModuleDict({"fc": nn.Linear(4, 4), "ls": Scale(4, 0)})
        self.head = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.a["ls"](functional.relu(self.a["conv"](x)))
        x = x + self.b["alpha"](self.b["conv"](x))
        x = x.mean((2, 3))
        x = x + self.c["ls"](torch.tanh(self.c["fc"](x)))
        found: torch.Tensor = self.head(x)
        return found


def test_it_trains_as_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 5, 5, generator=generator)
    y = torch.randn(4, 5, generator=generator)
    document = {
        "layers": LAYERS,
        "seed": 7,
        "input": {"data": x.double().tolist()},
        "target": {"data": y.double().tolist()},
        "loss": "mse_loss",
        "optimizer": {"kind": "Adam", "lr": 0.01},
        "steps": 4,
        "return_weights": True,
    }
    found = report(document)
    net: Any = Net()
    net.load_state_dict(tensorseed.open({"seed": 7, "layers": ENTRIES}).torch())
    assert net.b["alpha"].gamma.item() == 0
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses: list[float] = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = functional.mse_loss(net(x), y)
        loss.backward()
        if not losses:
            norms = {name: float(one.grad.double().norm()) for name, one in net.named_parameters()}
        losses.append(loss.item())
        optimizer.step()
    losses.append(functional.mse_loss(net(x), y).item())
    assert [found.loss, *found.steps] == losses
    assert found.weights is not None
    state = net.state_dict()
    assert found.weights.keys() == state.keys()
    assert all(torch.equal(found.weights[name], value) for name, value in state.items())
    assert state["b.alpha.gamma"].item() != 0
    given = {layer.name: layer.parameter_gradient_norm for layer in found.layers}
    for name in ("a.ls", "b.alpha", "c.ls"):
        assert given[name] == pytest.approx(norms[f"{name}.gamma"], rel=1e-6)


def scale(**more: Any) -> dict[str, Any]:
    return {"name": "ls", "type": "LayerScale", "dim": 4, **more}


@pytest.mark.parametrize(
    ("layer", "pointer", "words"),
    [
        (scale(), "/layers/1", "set dim to 8, or make the layers before it give 4, or set axis to 1"),
        (scale(dim=5), "/layers/1", "has dim 5 and gets 8"),
        (scale(axis=4), "/layers/1", "has axis 4, an axis that its input [16, 4, 8, 8] lacks"),
        (scale(axis=-65), "/layers/1/axis", "at least -64"),
        (scale(dim="4"), "/layers/1/dim", "4"),
        (scale(init="zeros"), "/layers/1/init", 'name the parameter, as in {"gamma": "ones"}'),
        (scale(init={"weight": "zeros"}), "/layers/1/init/weight", "gamma"),
        (scale(init_values=0.1), "/layers/1/init_values", "init"),
    ],
)
def test_a_fault_says_what_to_write(layer: dict[str, Any], pointer: str, words: str) -> None:
    found = faults(images([conv("stem", 3, 4), layer, FLAT, linear("fc", 256, 10)]))
    assert pointer in found, found
    assert words in found[pointer]


def test_one_factor_is_for_any_input() -> None:
    found = report(
        {"layers": [scale(dim=1, axis=9, init={"gamma": "ones"})], "input": {"data": [[1.5, -2.0]]}}
    )
    assert found.output.data == [[1.5, -2.0]]


@pytest.mark.parametrize("gamma", ["zeros", {"kind": "constant", "value": 1e-5}])
def test_a_small_scale_without_a_shortcut_is_the_cause(gamma: Any) -> None:
    layers = [linear("a", WIDTH, WIDTH, XAVIER), scale(dim=WIDTH, init={"gamma": gamma}), act("Tanh")]
    found = {one.code: one.detail for one in report(stream(*layers)).warnings}
    assert found.keys() == {"vanishing_gradients", "vanishing_activations"}
    assert all(
        "draw gamma of ls by ones, or put it at the end of a Residual" in one for one in found.values()
    )


def test_a_large_scale_is_the_cause() -> None:
    large = scale(dim=WIDTH, init={"gamma": {"kind": "constant", "value": 1e3}})
    document = {**stream(residual("b", linear("fc", WIDTH, WIDTH, XAVIER), large)), "target": TEN}
    found = [one for one in report(document).warnings if one.code == "exploding_activations"]
    assert [one.detail.rpartition(": ")[2] for one in found] == ["draw gamma of b.ls by ones"]
