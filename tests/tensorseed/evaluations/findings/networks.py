"""Builders of tiny networks."""

from __future__ import annotations

from typing import Any

Network = dict[str, Any]
Case = tuple[Network, list[str]]

RELU = {"kind": "kaiming_normal", "nonlinearity": "relu"}
XAVIER = "xavier_normal"
TEN = {"classes": 10}
NORMAL = {"init": "normal"}
ADAM = {"kind": "Adam", "lr": 0.01}
WIDTH = 32


def normal(std: float, mean: float = 0.0) -> dict[str, Any]:
    return {"kind": "normal", "std": std, "mean": mean}


def linear(name: str, i: int, o: int, weight: Any = None, bias: Any = "zeros", **more: Any) -> Network:
    given = {"weight": weight, "bias": bias}
    init = {key: value for key, value in given.items() if value is not None}
    return {"name": name, "type": "Linear", "in_features": i, "out_features": o, "init": init, **more}


def conv(name: str, i: int, o: int, weight: Any = RELU, size: int = 3, **more: Any) -> Network:
    shape = {"in_channels": i, "out_channels": o, "kernel_size": size, "padding": size // 2}
    init = {} if weight is None else {"weight": weight, "bias": "zeros"}
    return {"name": name, "type": "Conv2d", **shape, "init": init, **more}


def act(kind: str, **more: Any) -> Network:
    return {"type": kind, **more}


def norm(name: str, kind: str, size: int = WIDTH) -> Network:
    sizes = {"num_features": size} if kind.startswith("Batch") else {"normalized_shape": size}
    return {"name": name, "type": kind, **sizes}


def mlp(
    weight: Any,
    function: Any = "ReLU",
    depth: int = 4,
    *,
    bias: Any = "zeros",
    head: Any = XAVIER,
    between: str | None = None,
    end: tuple[Network, ...] = (),
    classes: int = 10,
    **more: Any,
) -> Network:
    """Hidden layers of equal width, and a head; torch's defaults where `weight` is None."""
    own_bias = None if weight is None else bias
    layers: list[Network] = []
    for i in range(depth):
        layers.append(linear(f"h{i}", WIDTH, WIDTH, weight, own_bias))
        if between is not None:
            layers.append(norm(f"n{i}", between))
        if function is not None:
            layers.append({"name": f"a{i}", **(act(function) if isinstance(function, str) else function)})
    layers.append(linear("head", WIDTH, classes, head, None if head is None else "zeros"))
    given = {"shape": [64, WIDTH], "init": "normal"}
    loss = {"target": {"classes": classes}, "loss": "cross_entropy"}
    return {"layers": [*layers, *end], "input": given, **loss, **more}


def scaled(document: Network, init: Any) -> Network:
    """The network with another input."""
    return {**document, "input": {"shape": document["input"]["shape"], "init": init}}


def network(
    layers: list[Network], shape: list[int], target: Any = None, loss: Any = None, **more: Any
) -> Network:
    """Any chain of a normal input, or of one with `classes`."""
    classes = more.pop("classes", None)
    init = more.pop("init", "normal")
    given = {"shape": shape, **({"init": init} if classes is None else {"classes": classes})}
    judged = {} if loss is None else {"target": target, "loss": loss}
    return {"layers": layers, "input": given, **judged, **more}


def images(layers: list[Network], size: int = 8, **more: Any) -> Network:
    return network(layers, [16, 3, size, size], TEN, "cross_entropy", **more)


def one_output(loss: Any, target: Any, head: Any = XAVIER, depth: int = 2, **more: Any) -> Network:
    """A network of one output, for regression and binary classes."""
    return mlp(RELU, depth=depth, head=head, classes=1) | {"target": target, "loss": loss} | more


FLAT = act("Flatten")
GAP = act("AdaptiveAvgPool2d", output_size=1)
TABLE = {"name": "table", "type": "Embedding", "num_embeddings": 30, "embedding_dim": 16}
BLOCK = {"name": "block", "type": "TransformerEncoderLayer", "d_model": 16, "nhead": 2, "dim_feedforward": 32,
         "batch_first": True, "dropout": 0.0}  # fmt: skip
LSTM = {"name": "rnn", "type": "LSTM", "input_size": 8, "hidden_size": 16, "batch_first": True}
WORDS: dict[str, Any] = {"shape": [8, 10], "target": {"classes": 30}, "loss": "cross_entropy", "classes": 30}
SERIES: dict[str, Any] = {"shape": [16, 12, 8], "target": {"classes": 5}, "loss": "cross_entropy"}
TAGS = linear("fc", 16, 5)
VOCABULARY = linear("fc", 16, 30)
PIXELS = {"kind": "uniform", "a": 0, "b": 255}


def depthwise(weight: Any) -> Network:
    layers = [part for i in range(4) for part in (conv(f"d{i}", 16, 16, weight, groups=16), act("ReLU"))]
    end = [GAP, FLAT, linear("fc", 16, 10, XAVIER)]
    return network([*layers, *end], [8, 16, 8, 8], TEN, "cross_entropy")


def upsampling(i: int, o: int, name: str) -> Network:
    shape = {"in_channels": i, "out_channels": o, "kernel_size": 4, "stride": 2, "padding": 1}
    return {"name": name, "type": "ConvTranspose2d", **shape, "init": {"weight": normal(0.02)}}


def residual(name: str, *layers: Network, **more: Any) -> Network:
    return {"name": name, "type": "Residual", "layers": [*layers], **more}


def branch(name: str, last: Any = XAVIER, first: Any = RELU, **more: Any) -> Network:
    """A Residual of two layers."""
    pair = [linear("fc1", WIDTH, WIDTH, first), act("ReLU"), linear("fc2", WIDTH, WIDTH, last)]
    return residual(name, *pair, **more)


def scale(gamma: Any = None, dim: int = WIDTH, **more: Any) -> Network:
    init = {} if gamma is None else {"gamma": gamma}
    return {"name": "ls", "type": "LayerScale", "dim": dim, "init": init, **more}


def stream(*blocks: Network, **more: Any) -> Network:
    """Blocks between a first layer and a head."""
    layers = [linear("stem", WIDTH, WIDTH, XAVIER), *blocks, linear("head", WIDTH, 10)]
    return network(layers, [64, WIDTH], TEN, "cross_entropy", **more)


def resnet(gain: Any) -> Network:
    """A ResNet whose branches end in a BatchNorm with this weight."""
    layers = [conv("stem", 3, 8), norm("bn", "BatchNorm2d", 8), act("ReLU")]
    for name, i, o in (("a", 8, 8), ("b", 8, 16), ("c", 16, 16)):
        more: Network = {}
        if i != o:
            more["shortcut"] = [conv("proj", i, o, size=1, stride=2), norm("bn", "BatchNorm2d", o)]
        last = {**norm("bn2", "BatchNorm2d", o), "init": {"weight": gain}}
        first = [conv("conv1", i, o, stride=o // i), norm("bn1", "BatchNorm2d", o), act("ReLU")]
        layers += [residual(name, *first, conv("conv2", o, o), last, **more), act("ReLU")]
    return images([*layers, GAP, FLAT, linear("fc", 16, 10)])


def gpt(std: float) -> Network:
    """Twelve blocks of a pre-norm network, whose last layers have this deviation."""
    first, last = linear("fc", WIDTH, 128, normal(0.02)), linear("proj", 128, WIDTH, normal(std))
    block = residual("h.{0..11}", norm("ln", "LayerNorm"), first, act("GELU"), last)
    return stream(block, norm("ln_f", "LayerNorm"))


def uniform(bound: float) -> Network:
    return {"kind": "uniform", "a": -bound, "b": bound}


def siren(first: Any, others: Any, omega: float = 30.0) -> Network:
    """A network of sines over coordinates from -1 to 1."""
    sine = act("Sine", omega=omega)
    hidden = [part for i in range(1, 4) for part in (linear(f"l{i}", 64, 64, others), sine)]
    layers = [linear("l0", 2, 64, first), sine, *hidden, linear("out", 64, 1, others)]
    return network(layers, [256, 2], NORMAL, "mse_loss", init=uniform(1.0))
