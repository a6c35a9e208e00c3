"""The default init of every tensor, against what the real modules draw."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tensorseed.sampling.distributions import Constant, Distribution, Normal, Uniform
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.inits import resolve_distribution
from tensorseed.spec.layers.base import ZEROS, Slot
from tensorseed.spec.schemes import scheme_of
from tensorseed.spec.schemes.fans import fans
from tensorseed.spec.schemes.plain import Uniform as UniformScheme
from tests.tensorseed.spec.layers.grids import GRIDS, cases, make, module

pytestmark = [
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
]

BLOCK: dict[str, Any] = {"d_model": 48, "nhead": 4, "dim_feedforward": 40}
LARGE: list[tuple[str, dict[str, Any]]] = [
    ("Linear", {"in_features": 100, "out_features": 300}),
    ("Bilinear", {"in1_features": 20, "in2_features": 30, "out_features": 40}),
    ("Conv1d", {"in_channels": 30, "out_channels": 40, "kernel_size": 3}),
    ("Conv2d", {"in_channels": 8, "out_channels": 64, "kernel_size": 5, "groups": 2}),
    ("Conv3d", {"in_channels": 8, "out_channels": 16, "kernel_size": [1, 2, 3]}),
    ("ConvTranspose1d", {"in_channels": 30, "out_channels": 40, "kernel_size": 3}),
    ("ConvTranspose2d", {"in_channels": 8, "out_channels": 64, "kernel_size": 5, "groups": 2}),
    ("ConvTranspose3d", {"in_channels": 8, "out_channels": 16, "kernel_size": [1, 2, 3]}),
    ("Embedding", {"num_embeddings": 50, "embedding_dim": 30, "padding_idx": 7}),
    ("EmbeddingBag", {"num_embeddings": 50, "embedding_dim": 30, "padding_idx": -1}),
    ("RNN", {"input_size": 20, "hidden_size": 30, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"input_size": 20, "hidden_size": 30, "num_layers": 2, "proj_size": 25}),
    ("GRU", {"input_size": 20, "hidden_size": 30, "num_layers": 2}),
    ("RNNCell", {"input_size": 20, "hidden_size": 30}),
    ("LSTMCell", {"input_size": 20, "hidden_size": 30}),
    ("GRUCell", {"input_size": 20, "hidden_size": 30}),
    ("MultiheadAttention", {"embed_dim": 48, "num_heads": 4, "add_bias_kv": True}),
    ("MultiheadAttention", {"embed_dim": 48, "num_heads": 4, "kdim": 20, "vdim": 70}),
    ("TransformerEncoderLayer", BLOCK),
    ("TransformerDecoderLayer", BLOCK),
    ("TransformerEncoder", {"encoder_layer": BLOCK, "num_layers": 2, "norm": None}),
    ("TransformerDecoder", {"decoder_layer": BLOCK, "num_layers": 2, "norm": None}),
    ("Transformer", {**BLOCK, "num_encoder_layers": 2, "num_decoder_layers": 1}),
    (
        "AdaptiveLogSoftmaxWithLoss",
        {"in_features": 64, "n_classes": 200, "cutoffs": [40, 90], "div_value": 2.0, "head_bias": True},
    ),
    ("LinearCrossEntropyLoss", {"in_features": 64, "num_classes": 50, "bias": True}),
]
SEEDS = 12
SIGMAS = 6  # of a statistic


def distribution(slot: Slot) -> Distribution:
    return resolve_distribution(slot.init, slot.shape, fans(slot.shape), DTYPES["float32"])


def draws(kind: str, arguments: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What the real module has under each name, for several seeds: (seeds, *shape), in float64."""
    states = []
    with torch.random.fork_rng(devices=[]):
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            states.append(module(kind, **arguments).state_dict())
    return {name: torch.stack([state[name].double() for state in states]) for name in states[0]}


@pytest.mark.parametrize(("kind", "arguments"), LARGE, ids=[kind for kind, _ in LARGE])
def test_defaults_are_distributed_as_torchs(kind: str, arguments: dict[str, Any]) -> None:
    found = draws(kind, arguments)
    for slot in make(kind, **arguments).slots():
        values = found[slot.name]
        if slot.zeroed is not None:
            start, stop = slot.zeroed
            assert not values[:, start:stop].any()
            values = torch.cat([values[:, :start], values[:, stop:]], dim=1)
        compare(values.flatten(), distribution(slot), f"{kind} {slot.name}")


def compare(values: torch.Tensor, expected: Distribution, where: str) -> None:
    """Whether `values` can be a sample of `expected`."""
    n = len(values)
    match expected:
        case Constant(value):
            assert (values == value).all(), where
        case Uniform(low, high):
            assert n > 100
            assert -low == high > 0
            assert values.abs().max() <= high * (1 + 1e-6), where
            assert values.max() > high * (1 - 40 / n), where  # missed with probability e^-20
            assert values.min() < low * (1 - 40 / n), where
            assert abs(values.mean()) < SIGMAS * high / math.sqrt(3 * n), where
        case Normal(mean, std):
            assert n > 100
            assert abs(values.mean() - mean) < SIGMAS * std / math.sqrt(n), where
            assert abs(values.std() - std) < SIGMAS * std / math.sqrt(2 * n), where
        case _:
            pytest.fail(f"{where}: no default of torch's is {expected}")


def test_every_type_that_draws_is_compared() -> None:
    constant = {
        kind
        for kind in GRIDS
        if all(
            isinstance(distribution(slot), Constant)
            for name, arguments in cases()
            if name == kind
            for slot in make(kind, **arguments).slots()
        )
    }
    assert set(GRIDS) - constant == {kind for kind, _ in LARGE}


@pytest.mark.parametrize("kind", GRIDS)
def test_constant_defaults_are_torchs(kind: str) -> None:
    for arguments in (arguments for name, arguments in cases() if name == kind):
        state = None
        for slot in make(kind, **arguments).slots():
            filled = distribution(slot)
            if isinstance(filled, Constant):
                state = state or module(kind, **arguments).state_dict()
                assert (state[slot.name] == filled.value).all(), (arguments, slot.name)


def slots(kind: str, **arguments: Any) -> Iterator[Slot]:
    return make(kind, **arguments).slots()


def test_the_default_of_linear_layers_is_spelled_as_torch_spells_it() -> None:
    weight, bias = slots("Conv2d", in_channels=8, out_channels=64, kernel_size=5, groups=2)
    assert weight.init.model_dump() == {
        "kind": "kaiming_uniform",
        "a": math.sqrt(5),
        "mode": "fan_in",
        "nonlinearity": "leaky_relu",
    }
    assert bias.init == UniformScheme(kind="uniform", a=-0.1, b=0.1)


def test_a_transformer_redraws_every_matrix() -> None:
    for slot in slots("Transformer", d_model=4, nhead=2):
        assert (slot.init == scheme_of("xavier_uniform")) == (len(slot.shape) > 1), slot.name


def test_a_bias_without_inputs_is_zero() -> None:
    assert [slot.init for slot in slots("Linear", in_features=0, out_features=3)][1] is ZEROS


@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize(
    ("index", "zeroed"), [(None, None), (0, (0, 1)), (4, (4, 5)), (-1, (4, 5)), (-5, (0, 1))]
)
def test_the_padding_row_is_zero(kind: str, index: int | None, zeroed: tuple[int, int] | None) -> None:
    (weight,) = slots(kind, num_embeddings=5, embedding_dim=3, padding_idx=index)
    assert weight.zeroed == zeroed
