"""Evaluations against a hand-written training loop, bit for bit."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tensorseed.concurrency.cancellation import ComputationCancelledError
from tensorseed.errors import EvaluationError, TooLargeError
from tensorseed.evaluations import evaluate
from tensorseed.evaluations.evaluation import SHORT_PASS
from tensorseed.evaluations.network import Network
from tensorseed.evaluations.optimizers import OPTIMIZERS
from tensorseed.evaluations.run import smooth
from tensorseed.files.elements import element_source
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.draws import tensor_arrays
from tests.tensorseed.evaluations.cases import read, report, reports
from tests.waiting import PATIENCE

STEPS = 4
MLP: list[dict[str, Any]] = [
    {
        "name": "fc1",
        "type": "Linear",
        "in_features": 12,
        "out_features": 9,
        "init": {"weight": "kaiming_normal"},
    },
    {"type": "ReLU"},
    {"name": "fc2", "type": "Linear", "in_features": 9, "out_features": 5},
]
CNN: list[dict[str, Any]] = [
    {"name": "conv", "type": "Conv2d", "in_channels": 2, "out_channels": 6, "kernel_size": 3},
    {"name": "norm", "type": "BatchNorm2d", "num_features": 6},
    {"type": "GELU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Flatten"},
    {"name": "fc", "type": "Linear", "in_features": 54, "out_features": 5},
]
LSTM: list[dict[str, Any]] = [
    {"name": "rnn", "type": "LSTM", "input_size": 5, "hidden_size": 7, "batch_first": True, "num_layers": 2},
    {"type": "Flatten"},
    {"name": "fc", "type": "Linear", "in_features": 21, "out_features": 5},
]
WORDS: list[dict[str, Any]] = [
    {"name": "table", "type": "Embedding", "num_embeddings": 11, "embedding_dim": 8},
    {"name": "block", "type": "TransformerEncoderLayer", "d_model": 8, "nhead": 2, "dim_feedforward": 16,
     "batch_first": True},
    {"type": "Dropout", "p": 0.25},
    {"type": "Flatten"},
    {"name": "fc", "type": "Linear", "in_features": 24, "out_features": 5},
]  # fmt: skip
NORMAL = "normal"
NETWORKS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "mlp": (MLP, {"shape": [16, 12], "init": NORMAL}),
    "cnn": (CNN, {"shape": [16, 2, 8, 8], "init": NORMAL}),
    "lstm": (LSTM, {"shape": [16, 3, 5], "init": NORMAL}),
    "words": (WORDS, {"shape": [16, 3], "classes": 11}),
}


class First(torch.nn.Module):
    """The output of a recurrent layer."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.inner(x)[0]
        return found


def weights(layers: list[dict[str, Any]], **spec: Any) -> dict[str, torch.Tensor]:
    """What /v1/weights gives."""
    named = [layer for layer in layers if "name" in layer]
    file = open_file(parse_spec(json.dumps({"layers": named, **spec}).encode(), Limits()))
    source = element_source(file.resolved)
    return {
        tensor.name: torch.from_numpy(array).to(getattr(torch, tensor.dtype.name))
        for tensor, array in tensor_arrays(file, source)
    }


def drawn(name: str, shape: list[int], init: Any, dtype: str = "float32", seed: int = 0) -> torch.Tensor:
    entry = {"name": name, "type": "Tensor", "shape": shape, "init": init}
    return weights([entry], dtype=dtype, seed=seed)[name]


def integers(name: str, shape: list[int], classes: int) -> torch.Tensor:
    uniform = drawn(name, shape, {"kind": "uniform", "a": 0, "b": classes}, "float64")
    return uniform.floor().to(torch.int64)


def by_hand(
    layers: list[dict[str, Any]], dtype: torch.dtype = torch.float32, **spec: Any
) -> torch.nn.Sequential:
    """The network of plain torch modules with the weights loaded by load_state_dict."""
    state = weights(layers, dtype=str(dtype).removeprefix("torch."), **spec)
    built = []
    for layer in layers:
        arguments = {k: v for k, v in layer.items() if k not in ("name", "type", "init")}
        factory = {"dtype": dtype} if "name" in layer else {}
        module = getattr(torch.nn, layer["type"])(**arguments, **factory)
        if "name" in layer:
            prefix = layer["name"] + "."
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            module.load_state_dict(own)
        built.append(First(module) if layer["type"] == "LSTM" else module)
    return torch.nn.Sequential(*built)


def train(
    net: torch.nn.Sequential,
    x: torch.Tensor,
    value: Callable[[torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int = STEPS,
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The loss before and after every step, and the state after the last one."""
    losses, state = [], {}
    for _ in range(steps):
        optimizer.zero_grad()
        loss = value(net(x))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    losses.append(value(net(x)).item())
    return losses, state


def asked(network: str, **more: Any) -> dict[str, Any]:
    layers, given = NETWORKS[network]
    return {"layers": layers, "input": given, "target": {"classes": 5}, "loss": "cross_entropy", **more}


def input_of(network: str) -> torch.Tensor:
    given = NETWORKS[network][1]
    if "classes" in given:
        return integers("input", given["shape"], given["classes"])
    return drawn("input", given["shape"], given["init"])


@pytest.mark.parametrize("network", NETWORKS)
def test_losses_and_weights_are_those_of_a_loop_by_hand(network: str) -> None:
    optimizer = {"kind": "SGD", "lr": 0.1, "momentum": 0.9}
    found = report(asked(network, optimizer=optimizer, steps=STEPS, return_weights=True))
    net, target = by_hand(NETWORKS[network][0]), integers("target", [16], 5)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        losses, state = train(net, input_of(network), lambda y: functional.cross_entropy(y, target), sgd)
    assert [found.loss, *found.steps] == losses
    assert found.weights is not None
    theirs = iter(state.values())
    assert all(torch.equal(ours, next(theirs)) for ours in found.weights.values())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_steps_as_torchs(name: str) -> None:
    found = report(asked("mlp", optimizer=name, steps=STEPS))
    net, target = by_hand(MLP), integers("target", [16], 5)
    optimizer = getattr(torch.optim, name)(net.parameters())
    losses, _ = train(net, input_of("mlp"), lambda y: functional.cross_entropy(y, target), optimizer)
    assert [found.loss, *found.steps] == losses


@pytest.mark.parametrize(
    "optimizer",
    [
        {"kind": "SGD", "lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        {"kind": "SGD", "lr": 0.05, "momentum": 0.8, "dampening": 0.3, "maximize": True},
        {"kind": "RMSprop", "lr": 0.02, "centered": True, "momentum": 0.5, "alpha": 0.9},
        {"kind": "Adam", "betas": [0.8, 0.95], "amsgrad": True, "eps": 1e-6},
        {"kind": "NAdam", "decoupled_weight_decay": True, "weight_decay": 0.1},
        {"kind": "Adagrad", "lr_decay": 0.1, "initial_accumulator_value": 0.2},
    ],
)
def test_the_arguments_of_optimizers_reach_torch(optimizer: dict[str, Any]) -> None:
    found = report(asked("mlp", optimizer=optimizer, steps=STEPS))
    net, target = by_hand(MLP), integers("target", [16], 5)
    arguments = {k: v for k, v in optimizer.items() if k != "kind"}
    made = getattr(torch.optim, optimizer["kind"])(net.parameters(), **arguments)
    losses, _ = train(net, input_of("mlp"), lambda y: functional.cross_entropy(y, target), made)
    assert [found.loss, *found.steps] == losses


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_dtypes(dtype: str) -> None:
    loss = {"kind": "mse_loss", "reduction": "sum"}
    document = asked("mlp", dtype=dtype, target={"init": "normal"}, loss=loss, optimizer="SGD", steps=STEPS)
    found = report(document)
    net = by_hand(MLP, getattr(torch, dtype))
    x, target = drawn("input", [16, 12], NORMAL, dtype), drawn("target", [16, 5], NORMAL, dtype)
    sgd = torch.optim.SGD(net.parameters())
    losses, _ = train(net, x, lambda y: functional.mse_loss(y, target, reduction="sum"), sgd)
    assert (found.dtype, found.denominator) == (dtype, 1.0)
    assert [found.loss, *found.steps] == losses


@pytest.mark.parametrize("generator", ["philox", "torch"])
def test_the_weights_are_those_of_the_weights_endpoint(generator: str) -> None:
    found = report(asked("cnn", generator=generator, seed=5, return_weights=True))
    theirs = weights(CNN, generator=generator, seed=5)
    assert found.weights is not None
    assert found.weights.keys() == theirs.keys()
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in theirs.items())


def test_data_as_it_is_given() -> None:
    layers = [{"name": "fc", "type": "Linear", "in_features": 2, "out_features": 3}]
    data = [[1.0, -2.0], ["Infinity", 0]]
    found = report({"layers": layers, "input": {"data": data}})
    net = by_hand(layers)
    expected = net(torch.tensor([[1.0, -2.0], [torch.inf, 0.0]]))
    assert np.array_equal(np.array(found.output.data), expected.double().tolist(), equal_nan=True)
    assert found.loss is None
    assert found.layers[0].gradient_norm is None
    assert [warning.code for warning in found.warnings] == ["non_finite"]


def test_without_training_nothing_drops_and_statistics_stay() -> None:
    layers = [*CNN, {"type": "Dropout"}]
    document = {"layers": layers, "input": NETWORKS["cnn"][1], "training": False, "return_weights": True}
    found = report(document)
    net = by_hand(layers).eval()
    assert found.output.data == net(input_of("cnn")).double().tolist()
    assert found.weights is not None
    assert torch.equal(found.weights["norm.running_mean"], torch.zeros(6))


def test_optional_tensors_of_a_loss() -> None:
    loss = {"kind": "cross_entropy", "weight": [1.0, 2.0, 0.5, 1.0, 3.0], "label_smoothing": 0.2}
    found = report(asked("mlp", loss=loss))
    net, target = by_hand(MLP), integers("target", [16], 5)
    weight = torch.tensor(loss["weight"])
    value = functional.cross_entropy(net(input_of("mlp")), target, weight, label_smoothing=0.2)
    assert found.loss == value.item()
    assert found.denominator == weight[target].sum().item()


def test_gradients_are_those_of_autograd() -> None:
    found = report(asked("mlp"))
    net, target = by_hand(MLP), integers("target", [16], 5)
    outputs = []
    x = input_of("mlp")
    for module in net:
        x = module(x)
        x.retain_grad()
        outputs.append(x)
    functional.cross_entropy(x, target).backward()
    for ours, output in zip(found.layers, outputs, strict=True):
        assert output.grad is not None
        assert ours.gradient_mean == pytest.approx(output.grad.double().mean().item(), rel=1e-5)
        assert ours.gradient_std == pytest.approx(output.grad.double().std(correction=0).item(), rel=1e-5)
        assert ours.gradient_norm == pytest.approx(output.grad.double().norm().item(), rel=1e-12)
        assert ours.mean == pytest.approx(output.double().mean().item(), rel=1e-5)
    grads = torch.cat([p.grad.double().reshape(-1) for p in net.parameters() if p.grad is not None])
    assert found.gradient_norm == pytest.approx(grads.norm().item(), rel=1e-12)


def test_smoothing() -> None:
    assert smooth([2.0, 2.0, 2.0], 0.9) == pytest.approx([2.0, 2.0, 2.0])
    assert smooth([1.0, 3.0], 0.5) == pytest.approx([1.0, (0.25 + 1.5) / 0.75])
    assert smooth([1.0, 3.0], 0.0) == (1.0, 3.0)


def test_concurrent_evaluations_with_dropout_are_what_they_are_alone() -> None:
    documents = [asked("words", seed=seed, optimizer="Adam", steps=6) for seed in range(4)] * 3
    alone = [report(document) for document in documents[:4]] * 3
    before = torch.default_generator.get_state()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(report, documents))
    assert together == alone
    assert len({one.loss for one in alone}) == 4
    assert torch.equal(before, torch.default_generator.get_state())


def test_nothing_of_it_shows_in_the_process() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    before = (torch.get_default_dtype(), torch.get_num_threads(), torch.random.get_rng_state())
    with torch.no_grad():
        found = report(asked("words", dtype="float64", optimizer="SGD", steps=1))
        assert not torch.is_grad_enabled()
    assert found.gradient_norm is not None
    after = (torch.get_default_dtype(), torch.get_num_threads(), torch.random.get_rng_state())
    torch.set_num_threads(threads)
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


@pytest.mark.parametrize("asks", [0, 1, 3, 8, 20])
def test_it_ends_soon_after_nobody_waits(asks: int) -> None:
    evaluation = read(asked("mlp", optimizer="SGD", steps=10_000))
    count = 0

    def cancelled() -> bool:
        nonlocal count
        count += 1
        return count > asks

    with pytest.raises(ComputationCancelledError):
        evaluate(evaluation, cancelled)
    assert asks < count <= asks + 2


def test_only_a_long_backward_pass_looks_whether_to_go_on_between_layers() -> None:
    evaluation, counts = read(asked("mlp")), []
    for seconds in (SHORT_PASS, 2 * SHORT_PASS):
        calls = itertools.count()
        evaluate(replace(evaluation, pass_seconds=seconds), lambda calls=calls: next(calls) < 0)  # type: ignore[misc]
        counts.append(next(calls))
    assert counts[1] - counts[0] == len(evaluation.nodes)


@pytest.mark.parametrize(("seconds", "threads"), [(SHORT_PASS, 1), (2 * SHORT_PASS, 2)])
def test_one_thread_of_torch_computes_a_short_pass(
    seconds: float, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation, seen = replace(read(asked("mlp")), pass_seconds=seconds), []
    output = Network.outputs

    def outputs(network: Network, *given: Any) -> Iterator[torch.Tensor]:
        seen.append(torch.get_num_threads())
        return output(network, *given)

    monkeypatch.setattr(Network, "outputs", outputs)
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        evaluate(evaluation)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)
    assert set(seen) == {threads}


def test_it_can_be_stopped_from_another_thread() -> None:
    evaluation, stop = read(asked("mlp", optimizer="SGD", steps=10_000)), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(evaluate, evaluation, stop.is_set)
        stop.set()
        with pytest.raises(ComputationCancelledError):
            running.result(PATIENCE)


def test_an_argument_beyond_the_dtype_is_told() -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(read(asked("mlp", optimizer={"kind": "SGD", "lr": 1e300}, steps=1)))
    (fault,) = caught.value.faults
    assert fault.pointer == "/optimizer"
    assert fault.detail == "an argument of SGD is beyond the largest float32 number: lower it"


def test_it_ends_when_its_time_is_up() -> None:
    evaluation = read(asked("mlp", optimizer="SGD", steps=10_000), Limits(evaluation_seconds=0.05))
    with pytest.raises(TooLargeError, match=r"longer than 0.05 seconds \(evaluation_seconds\)"):
        evaluate(evaluation)


def test_the_time_is_up_while_torch_draws_as_well() -> None:
    document = asked("mlp", generator="torch")
    with pytest.raises(TooLargeError, match="evaluation_seconds"):
        evaluate(read(document, Limits(evaluation_seconds=1e-5)))


def test_variants_share_input_and_target() -> None:
    compare = [
        {"label": "as it is"},
        {"init": {"weight": "zeros", "bias": "zeros"}},
        {"seed": 7},
        {"dtype": "float64"},
        {"generator": "torch"},
        {"optimizer": "Adam"},
    ]
    found = reports(asked("mlp", compare=compare, optimizer="SGD", steps=2))
    labels = ["as it is", "weight zeros, bias zeros", "seed 7", "float64", "torch", "Adam"]
    assert [one.label for one in found] == labels
    plain = report(asked("mlp", optimizer="SGD", steps=2))
    assert found[0].model_copy(update={"label": None}) == plain
    assert found[1].output.std == 0
    assert found[1].loss == pytest.approx(np.log(5), rel=1e-6)
    assert found[2].seed == 7
    net, target = by_hand(MLP, seed=7), integers("target", [16], 5)
    assert found[2].loss == functional.cross_entropy(net(input_of("mlp")), target).item()
    assert found[3].dtype == "float64"
    net = by_hand(MLP, torch.float64)
    assert found[3].loss == functional.cross_entropy(net(input_of("mlp").double()), target).item()
    net = by_hand(MLP, generator="torch")
    assert found[4].loss == functional.cross_entropy(net(input_of("mlp")), target).item()
    assert found[5].loss == plain.loss
    assert found[5].steps != plain.steps


SGD = {"kind": "SGD"}
NORMAL_INIT = {"kind": "normal"}


@pytest.mark.parametrize(
    ("compare", "labels"),
    [
        (["zeros", "xavier_normal"], ["zeros", "xavier_normal"]),
        ([{"optimizer": {**SGD, "lr": rate}} for rate in (0.01, 1)], ["SGD lr=0.01", "SGD lr=1"]),
        ([{"optimizer": {"kind": "Adam", "betas": [0.5, 0.9]}}, "Adam"], ["Adam betas=[0.5,0.9]", "Adam"]),
        ([{"kind": "SGD", "lr": 0.1}, {"kind": "torch.optim.sgd", "lr": 0.2}], ["SGD lr=0.1", "SGD lr=0.2"]),
        ([{"init": {"weight": {**NORMAL_INIT, "std": std}}} for std in (0.1, 1)],
         ["normal std=0.1", "normal std=1"]),
        ([{**NORMAL_INIT, "std": 0.5}, {"init": "zeros", "seed": 3}], ["normal std=0.5", "zeros, seed 3"]),
        (["SGD", "float64"], ["SGD", "float64"]),
        ([{"init": {"bias": {"kind": "constant", "value": 2.0}}}], ["bias constant value=2"]),
    ],
)  # fmt: skip
def test_a_variant_is_called_by_what_it_changes(compare: list[Any], labels: list[str]) -> None:
    assert [one.label for one in reports(asked("mlp", compare=compare))] == labels


def test_long_labels_that_begin_alike_get_numbers() -> None:
    rows = [[float(i) for i in range(12)]] * 9
    layers = [{**MLP[0], "name": "a", "init": {}}]
    document = {"layers": layers, "input": {"shape": [3, 12], "init": "normal"}}
    compare = [{"kind": "values", "data": [*rows[:-1], [last] * 12]} for last in (1.0, 2.0)]
    first, second = reports({**document, "compare": compare})
    assert first.label is not None
    assert second.label == f"{first.label} (2)"


def test_an_init_alone_is_that_of_every_matrix() -> None:
    layers = [
        {"name": "rnn", "type": "LSTM", "input_size": 4, "hidden_size": 4},
        {"name": "norm", "type": "LayerNorm", "normalized_shape": [3, 4]},
        {"name": "fc", "type": "Linear", "in_features": 4, "out_features": 2},
    ]
    document = {"layers": layers, "input": {"shape": [5, 3, 4], "init": "normal"}}
    matrices = {"weight_ih_l0": "orthogonal", "weight_hh_l0": "orthogonal"}
    spelled = [{**layers[0], "init": matrices}, layers[1], {**layers[2], "init": {"weight": "orthogonal"}}]
    (short,) = reports({**document, "compare": ["orthogonal"]})
    assert short.model_copy(update={"label": None}) == report({**document, "layers": spelled})
