"""Layer types: names, shapes, dtypes and default inits, against the real torch modules."""

from __future__ import annotations

import inspect
import itertools
import math
from typing import Any

import pytest
import torch

from service.core.layers import LAYERS, Layer
from service.core.layers.base import ZEROS, Slot
from service.core.schemes import PartError
from service.core.schemes.plain import Uniform

GRIDS: dict[str, dict[str, list[Any]]] = {
    "Linear": {"in_features": [0, 1, 7], "out_features": [0, 3], "bias": [True, False]},
    **{
        f"Conv{rank}d": {
            "in_channels": [4, 8],
            "out_channels": [4, 12],
            "kernel_size": [1, 3, list(range(1, rank + 1))],
            "groups": [1, 4],
            "bias": [True, False],
            "padding": [0, "same", "valid", [1] * rank],
            "padding_mode": ["zeros", "circular"],
        }
        for rank in (1, 2, 3)
    },
    "Embedding": {
        "num_embeddings": [1, 5],
        "embedding_dim": [0, 3],
        "padding_idx": [None, 0, -1],
        "max_norm": [None, 1.0],
    },
    "LayerNorm": {
        "normalized_shape": [0, 5, [5], [2, 3], []],
        "elementwise_affine": [True, False],
        "bias": [True, False],
    },
    **{
        f"BatchNorm{rank}d": {
            "num_features": [0, 6],
            "momentum": [0.1, None],
            "affine": [True, False],
            "track_running_stats": [True, False],
            "bias": [True, False],
        }
        for rank in (1, 2, 3)
    },
}
# Arguments of torch's that no spec can give.
NOT_OURS = {"self", "device", "dtype", "_weight", "_freeze"}


def make(kind: str, **arguments: Any) -> Layer:
    tuples = {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
    layer = LAYERS[kind].model_validate({"type": kind, "name": "x", **tuples})
    assert isinstance(layer, Layer)
    return layer


def cases() -> list[tuple[str, dict[str, Any]]]:
    return [
        (kind, dict(zip(grid, values, strict=True)))
        for kind, grid in GRIDS.items()
        for values in itertools.product(*grid.values())
    ]


def test_every_layer_type_is_compared() -> None:
    assert set(GRIDS) == {name for name, cls in LAYERS.items() if issubclass(cls, Layer)}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_names_shapes_and_dtypes_are_torchs() -> None:
    for kind, arguments in cases():
        expected = [
            (name, tuple(tensor.shape), tensor.dtype == torch.int64)
            for name, tensor in getattr(torch.nn, kind)(**arguments).state_dict().items()
        ]
        slots = [(slot.name, slot.shape, slot.integer) for slot in make(kind, **arguments).slots()]
        assert slots == expected, (kind, arguments)


@pytest.mark.parametrize("kind", GRIDS)
def test_arguments_and_defaults_are_torchs(kind: str) -> None:
    ours = {
        name: inspect.Parameter.empty if field.is_required() else field.default
        for name, field in LAYERS[kind].model_fields.items()
        if name not in {"name", "type", "dtype", "stream", "init"}
    }
    signature = inspect.signature(getattr(torch.nn, kind).__init__)
    theirs = {name: value.default for name, value in signature.parameters.items() if name not in NOT_OURS}
    assert ours == theirs


def slot(kind: str, name: str, **arguments: Any) -> Slot:
    return next(slot for slot in make(kind, **arguments).slots() if slot.name == name)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("Linear", {"in_features": 100, "out_features": 300}),
        ("Conv2d", {"in_channels": 8, "out_channels": 64, "kernel_size": 5, "groups": 2}),
    ],
)
def test_default_bounds_are_torchs(kind: str, arguments: dict[str, Any]) -> None:
    module = getattr(torch.nn, kind)(**arguments)
    fan_in = math.prod(module.weight.shape[1:])
    bias = slot(kind, "bias", **arguments).init
    assert bias == Uniform(kind="uniform", a=-1 / math.sqrt(fan_in), b=1 / math.sqrt(fan_in))
    assert 0.9 / math.sqrt(fan_in) < module.bias.abs().max() < 1 / math.sqrt(fan_in)
    weight = slot(kind, "weight", **arguments).init
    assert weight.model_dump() == {
        "kind": "kaiming_uniform",
        "a": math.sqrt(5),
        "mode": "fan_in",
        "nonlinearity": "leaky_relu",
    }


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_constant_defaults_are_torchs() -> None:
    for kind, arguments in cases():
        if kind.startswith(("LayerNorm", "BatchNorm")):
            state = getattr(torch.nn, kind)(**arguments).state_dict()
            for each in make(kind, **arguments).slots():
                expected = 0 if each.init is ZEROS else 1
                assert (state[each.name] == expected).all(), (kind, each.name)


def test_a_bias_without_inputs_is_zero() -> None:
    assert slot("Linear", "bias", in_features=0, out_features=3).init is ZEROS


@pytest.mark.parametrize(
    ("index", "zeroed"), [(None, None), (0, (0, 1)), (4, (4, 5)), (-1, (4, 5)), (-5, (0, 1))]
)
def test_the_padding_row_is_zero(index: int | None, zeroed: tuple[int, int] | None) -> None:
    assert slot("Embedding", "weight", num_embeddings=5, embedding_dim=3, padding_idx=index).zeroed == zeroed


@pytest.mark.parametrize(
    ("kind", "arguments", "path"),
    [
        ("Conv1d", {"in_channels": 4, "out_channels": 3, "kernel_size": 1, "groups": 2}, ("groups",)),
        ("Conv2d", {"in_channels": 3, "out_channels": 4, "kernel_size": 1, "groups": 2}, ("groups",)),
        (
            "Conv2d",
            {"in_channels": 3, "out_channels": 4, "kernel_size": 1, "stride": [1, 2], "padding": "same"},
            ("padding",),
        ),
        ("Embedding", {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": 5}, ("padding_idx",)),
        ("Embedding", {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": -6}, ("padding_idx",)),
    ],
)
def test_arguments_that_do_not_fit_are_refused_as_by_torch(
    kind: str, arguments: dict[str, Any], path: Any
) -> None:
    with pytest.raises((ValueError, AssertionError)):
        getattr(torch.nn, kind)(**arguments)
    with pytest.raises(PartError) as caught:
        list(make(kind, **arguments).slots())
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("Conv2d", {"kernel_size": 3}, {"kernel_size": [3, 3], "stride": [1, 1], "padding": [0, 0]}),
        ("LayerNorm", {"normalized_shape": 5}, {"normalized_shape": [5], "eps": 1e-5}),
        ("Embedding", {"padding_idx": -1}, {"padding_idx": 4}),
    ],
)
def test_equal_arguments_have_one_form(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    needed = {
        "Conv2d": {"in_channels": 1, "out_channels": 1},
        "Embedding": {"num_embeddings": 5, "embedding_dim": 1},
    }
    fixed = needed.get(kind, {})
    assert make(kind, **fixed, **one).arguments() == make(kind, **fixed, **other).arguments()


def test_a_square_shape_is_not_one_number() -> None:
    assert make("LayerNorm", normalized_shape=[5, 5]).arguments() == {"normalized_shape": (5, 5)}
