"""Layers that hold layers, against modules of torch with the same weights."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch.nn import functional

from tensorseed.errors import TooLargeError
from tensorseed.evaluations.graph import INPUT
from tensorseed.files.elements import element_source
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.evaluations.cases import faults, read, report, reports

NORMAL = "normal"
ADAM = {"kind": "Adam", "lr": 0.01}


def linear(name: str, i: int, o: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Linear", "in_features": i, "out_features": o, **more}


def conv(name: str, i: int, o: int, size: int = 3, **more: Any) -> dict[str, Any]:
    sizes = {"in_channels": i, "out_channels": o, "kernel_size": size, "padding": size // 2}
    return {"name": name, "type": "Conv2d", **sizes, **more}


def norm(name: str, size: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "BatchNorm2d", "num_features": size, **more}


def residual(name: str, *layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Residual", "layers": [*layers], **more}


RELU = {"type": "ReLU"}
RESNET = [
    conv("stem", 3, 4),
    residual("block{0..1}", conv("conv1", 4, 4), norm("bn1", 4), RELU, conv("conv2", 4, 4), norm("bn2", 4)),
    residual(
        "down",
        RELU,
        conv("conv1", 4, 6, stride=2),
        scale=0.5,
        shortcut=[conv("proj", 4, 6, 1, stride=2), norm("bn", 6)],
    ),
    {"name": "mix", "type": "Concat", "branches": [[conv("a", 6, 2, 1)], [RELU, conv("b", 6, 3)], []]},
    {"name": "head", "type": "Sequential", "layers": [{"type": "Mean", "dim": [2, 3]}, linear("fc", 11, 5)]},
]
ENTRIES = [
    conv("stem", 3, 4),
    *(
        entry
        for i in range(2)
        for entry in (
            conv(f"block{i}.conv1", 4, 4),
            norm(f"block{i}.bn1", 4),
            conv(f"block{i}.conv2", 4, 4),
            norm(f"block{i}.bn2", 4),
        )
    ),
    conv("down.conv1", 4, 6, stride=2),
    conv("down.shortcut.proj", 4, 6, 1, stride=2),
    norm("down.shortcut.bn", 6),
    conv("mix.0.a", 6, 2, 1),
    conv("mix.1.b", 6, 3),
    linear("head.fc", 11, 5),
]
"""The entries of a spec that have the same tensors."""
NETWORK: dict[str, Any] = {
    "layers": RESNET,
    "input": {"shape": [8, 3, 6, 6], "init": NORMAL},
    "target": {"classes": 5},
    "loss": "cross_entropy",
    "seed": 7,
}


def tensors(*entries: dict[str, Any], seed: int = 7) -> dict[str, torch.Tensor]:
    """What /v1/weights gives for a spec."""
    file = open_file(parse_spec(json.dumps({"layers": entries, "seed": seed}).encode(), Limits()))
    found = tensor_arrays(file, element_source(file.resolved))
    return {one.name: torch.from_numpy(array).to(getattr(torch, one.dtype.name)) for one, array in found}


class Net(torch.nn.Module):
    """The network of RESNET as a person writes it."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        modules: dict[str, torch.nn.Module] = {"stem": nn.Conv2d(3, 4, 3, padding=1)}
        for i in range(2):
            for k in (1, 2):
                modules[f"block{i}.conv{k}"] = nn.Conv2d(4, 4, 3, padding=1)
                modules[f"block{i}.bn{k}"] = nn.BatchNorm2d(4)
        modules |= {
            "down.conv1": nn.Conv2d(4, 6, 3, padding=1, stride=2),
            "down.shortcut.proj": nn.Conv2d(4, 6, 1, stride=2),
            "down.shortcut.bn": nn.BatchNorm2d(6),
            "mix.0.a": nn.Conv2d(6, 2, 1),
            "mix.1.b": nn.Conv2d(6, 3, 3, padding=1),
            "head.fc": nn.Linear(11, 5),
        }
        self.parts = modules
        for name, module in modules.items():
            self.add_module(name.replace(".", "_"), module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p = self.parts
        x = p["stem"](x)
        for i in range(2):
            y = functional.relu(p[f"block{i}.bn1"](p[f"block{i}.conv1"](x)))
            x = x + p[f"block{i}.bn2"](p[f"block{i}.conv2"](y))
        x = p["down.shortcut.bn"](p["down.shortcut.proj"](x)) + 0.5 * p["down.conv1"](functional.relu(x))
        x = torch.cat([p["mix.0.a"](x), p["mix.1.b"](functional.relu(x)), x], 1)
        found: torch.Tensor = p["head.fc"](x.mean((2, 3)))
        return found

    def named(self) -> dict[str, torch.Tensor]:
        """The state by the names of the file."""
        return {f"{n}.{k}": v for n, module in self.parts.items() for k, v in module.state_dict().items()}


def trained(steps: int) -> tuple[list[float], dict[str, torch.Tensor], Net]:
    """The losses, the state after the steps, and the network with the gradients of the first one."""
    net, first = Net(), Net()
    with torch.no_grad():
        for one in (net, first):
            for name, value in tensors(*ENTRIES).items():
                one.named()[name].copy_(value)
    x = tensors({"name": "input", "type": "Tensor", "shape": [8, 3, 6, 6], "init": NORMAL})["input"]
    uniform = {"kind": "uniform", "a": 0, "b": 5}
    drawn = tensors({"name": "target", "type": "Tensor", "shape": [8], "init": uniform, "dtype": "float64"})
    target = drawn["target"].floor().long()
    functional.cross_entropy(first(x), target).backward()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(x), target)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    state = {name: value.clone() for name, value in net.named().items()}
    losses.append(functional.cross_entropy(net(x), target).item())
    return losses, state, first


def test_a_residual_network_trains_as_torchs() -> None:
    found = report({**NETWORK, "optimizer": ADAM, "steps": 3, "return_weights": True})
    losses, state, first = trained(3)
    assert [found.loss, *found.steps] == losses
    assert found.weights is not None
    assert found.weights.keys() == state.keys()
    assert all(torch.equal(found.weights[name], value) for name, value in state.items())
    norms = {layer.name: layer.parameter_gradient_norm for layer in found.layers}
    for name, module in first.parts.items():
        grads = [parameter.grad for parameter in module.parameters()]
        whole = torch.cat([grad.flatten().double() for grad in grads if grad is not None]).norm()
        assert norms[name] == pytest.approx(float(whole), rel=1e-6)


def test_the_tensors_are_those_of_a_spec_of_their_entries() -> None:
    weights = report({**NETWORK, "return_weights": True}).weights
    assert weights is not None
    wanted = tensors(*ENTRIES)
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], value) for name, value in wanted.items() if "running" not in name)
    assert (
        read(NETWORK).variants[0].resolved.recipe
        == parse_spec(json.dumps({"layers": ENTRIES, "seed": 7}).encode(), Limits()).recipe
    )


def test_layers_are_reported_by_their_full_names_in_the_order_in_which_they_run() -> None:
    names = [layer.name for layer in report(NETWORK).layers]
    assert names[:7] == [
        "stem",
        "block0.conv1",
        "block0.bn1",
        "block0.2.ReLU",
        "block0.conv2",
        "block0.bn2",
        "block0",
    ]
    assert names[-9:] == [
        "down.shortcut.proj",
        "down.shortcut.bn",
        "down",
        "mix.0.a",
        "mix.1.0.ReLU",
        "mix.1.b",
        "mix",
        "head.0.Mean",
        "head.fc",
    ]


def test_a_graph_hands_on_what_each_layer_takes() -> None:
    nodes = read(NETWORK).nodes
    by_name = {node.name: index for index, node in enumerate(nodes)}
    sources = {node.name: [nodes[i].name if i != INPUT else "" for i in node.sources] for node in nodes}
    assert sources["stem"] == [""]
    assert sources["block0.conv1"] == ["stem"]
    assert sources["block0"] == ["block0.bn2", "stem"]
    assert sources["down"] == ["down.conv1", "down.shortcut.bn"]
    assert sources["mix"] == ["mix.0.a", "mix.1.b", "down"]
    assert sources["head.0.Mean"] == ["mix"]
    assert nodes[by_name["down"]].first == by_name["down.0.ReLU"]


def test_a_residual_of_a_function_alone_has_the_inputs_gradient() -> None:
    document = {
        "layers": [residual("r", {"type": "Tanh"}), {"type": "Flatten"}],
        "input": {"data": [[0.5, -1.0], [2.0, 0.0]]},
        "target": {"data": [[0.0, 0.0], [0.0, 0.0]]},
        "loss": "mse_loss",
    }
    found = report(document)
    x = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    y = (x + x.tanh()).requires_grad_()
    functional.mse_loss(y, torch.zeros(2, 2)).backward()
    assert found.output.data == y.detach().double().tolist()
    assert y.grad is not None
    assert found.layers[1].gradient_norm == pytest.approx(float(y.grad.norm()), rel=1e-6)


def test_variants_reach_the_layers_inside() -> None:
    variants = [{"init": {"weight": "zeros", "bias": "zeros"}}, "xavier_normal"]
    zeros, xavier = reports({**NETWORK, "compare": variants})
    inside = {layer.name: layer.std for layer in zeros.layers}
    assert inside["block0.conv1"] == inside["mix.1.b"] == 0
    assert all(layer.std > 0 for layer in xavier.layers)


def nested(depth: int) -> dict[str, Any]:
    layer: dict[str, Any] = {"type": "ReLU"}
    for i in range(depth):
        layer = {"name": f"n{i}", "type": "Sequential", "layers": [layer]}
    return layer


@pytest.mark.parametrize(
    ("layer", "pointer", "words"),
    [
        (residual("r"), "/layers/0/layers", "at least one layer: add one"),
        ({"name": "r", "type": "Residual"}, "/layers/0/layers", "layers is required"),
        (residual("r", RELU, shortcut=[]), "/layers/0/shortcut", "or leave it out"),
        (residual("r", RELU, shortcut={}), "/layers/0/shortcut", "must be a list of layers"),
        (residual("r", RELU, scale=0), "/layers/0/scale", "a weight of zeros"),
        (residual("r", RELU, scale="1"), "/layers/0/scale", "must be a number"),
        (residual("r", RELU, init={}), "/layers/0/init", "unknown field"),
        ({"type": "Sequential", "layers": [RELU]}, "/layers/0/name", "name is required"),
        ({"name": "r{1..0}", "type": "Sequential", "layers": [RELU]}, "/layers/0/name", "is empty"),
        ({"name": "c", "type": "Concat", "branches": []}, "/layers/0/branches", "at least one branch"),
        ({"name": "c", "type": "Concat", "branches": 1}, "/layers/0/branches", "must be a list"),
        ({"name": "c", "type": "Concat", "branches": [1]}, "/layers/0/branches/0", "must be a list"),
        (
            {"name": "c", "type": "Concat", "branches": [[], []], "dim": 4},
            "/layers/0",
            "an axis that its input",
        ),
        (
            {"name": "c", "type": "Concat", "branches": [[], [{"type": "Flatten"}]]},
            "/layers/0",
            "outputs [8, 3, 6, 6] and [8, 108]",
        ),
        (residual("r", conv("c", 3, 4)), "/layers/0", "give it shortcut layers, such as a projection"),
        (residual("r", {"type": "Relux"}), "/layers/0/layers/0/type", "did you mean ReLU"),
        (residual("r", {"kind": "ReLU"}), "/layers/0/layers/0/kind", "kind is called type"),
        (residual("r", conv("c", 3, "x")), "/layers/0/layers/0/out_channels", "integer"),
        (residual("r", {**conv("c", 3, 3), "name": 7}), "/layers/0/layers/0/name", "must be a string"),
        (residual("r", conv("c", 3, 3, dtype="float64")), "/layers/0/layers/0/dtype", "share its dtype"),
        (
            residual("r", conv("c", 3, 3), conv("c", 3, 3)),
            "/layers/0/layers/1/name",
            "yielded by layers /layers/0/layers/0 and /layers/0/layers/1: rename",
        ),
        (residual("r", conv("c", 4, 3)), "/layers/0/layers/0", "r.c (Conv2d) has in_channels 4 and gets 3"),
        (
            residual("r", conv("c", 3, 3, init={"wieght": "zeros"})),
            "/layers/0/layers/0/init/wieght",
            "weight",
        ),
        (nested(9), "/layers/0" + "/layers/0" * 8, "at most 8 deep"),
        ({"name": "r", "type": "Residuel", "layers": [RELU]}, "/layers/0/type", "did you mean Residual"),
    ],
)
def test_a_fault_inside_is_named_at_its_place(layer: dict[str, Any], pointer: str, words: str) -> None:
    found = faults({"layers": [layer], "input": {"shape": [8, 3, 6, 6], "init": NORMAL}})
    assert pointer in found, found
    assert words in found[pointer]


def test_a_fault_of_a_variant_is_named_at_the_variant() -> None:
    found = faults({**NETWORK, "compare": [{"init": {"weight": {"kind": "normal", "std": -1}}}]})
    assert list(found) == ["/compare/0/init/weight/std"]


def test_as_deep_as_allowed() -> None:
    found = report({"layers": [nested(8)], "input": {"shape": [2, 3], "init": NORMAL}})
    assert [layer.name for layer in found.layers] == ["n7.n6.n5.n4.n3.n2.n1.n0.0.ReLU"]


@pytest.mark.parametrize(
    "layer",
    [
        residual("r{1..600}", RELU),
        {"name": "r{1..50}", "type": "Sequential", "layers": [residual("s{1..50}", RELU)]},
        {"name": "r", "type": "Concat", "branches": [[RELU] * 600, [RELU] * 600]},
        residual("r", *[RELU] * 2_000),
    ],
)
def test_the_layers_inside_count(layer: dict[str, Any]) -> None:
    with pytest.raises(TooLargeError, match="layers, the limit is 1,024"):
        read({"layers": [layer], "input": {"shape": [2, 3], "init": NORMAL}})


def test_the_parameters_inside_count() -> None:
    with pytest.raises(TooLargeError, match="parameters"):
        read({**NETWORK}, Limits(parameters=100))
    with pytest.raises(TooLargeError, match=r"up to block0\.conv1"):
        read({**NETWORK}, Limits(activations=2_000))
