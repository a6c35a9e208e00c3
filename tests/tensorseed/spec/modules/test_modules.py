"""Modules without parameters against torch's, and layers of a network."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch

from tensorseed.evaluations.graph import TYPES
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.layers.exclusions import EXCLUDED
from tensorseed.spec.layers.network_module import (
    LEAKY_RELU_INIT,
    LINEAR_INIT,
    RELU_INIT,
    SELU_INIT,
    SINE_INIT,
    TANH_INIT,
    Computation,
    NetworkModule,
)
from tensorseed.spec.modules import EXCLUDED_MODULES, MODULES
from tests.tensorseed.evaluations import cases

# Arguments that no request gives: further outputs, older spellings, samples that are drawn.
HIDDEN = {"self", "args", "kwargs", "return_indices", "_random_samples", "min_value", "max_value"}
EVERY = {**cases.MODULES, **cases.LAYERS}


class Facts(NamedTuple):
    """The class variables of NetworkModule whose defaults say no."""

    normalizes: bool = False
    rectifies: bool = False
    always_random: bool = False
    recommended_init: str | None = None


FACTS = {
    Facts(normalizes=True): "LayerNorm RMSNorm",
    Facts(rectifies=True, recommended_init=RELU_INIT): "ReLU ReLU6 Hardswish",
    Facts(rectifies=True): "Hardshrink Softshrink",
    Facts(always_random=True): "FractionalMaxPool2d FractionalMaxPool3d",
    Facts(recommended_init=RELU_INIT): "RReLU ELU CELU GELU SiLU Mish",
    Facts(recommended_init=LEAKY_RELU_INIT): "PReLU LeakyReLU",
    Facts(recommended_init=SELU_INIT): "SELU",
    Facts(recommended_init=SINE_INIT): "Sine",
    Facts(recommended_init=LINEAR_INIT): "Sigmoid Hardsigmoid Hardtanh",
    Facts(recommended_init=TANH_INIT): "Tanh Softsign",
    Facts(): """Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
        Embedding EmbeddingBag RNN LSTM GRU RNNCell LSTMCell GRUCell MultiheadAttention
        TransformerEncoderLayer TransformerDecoderLayer TransformerEncoder TransformerDecoder Transformer
        GroupNorm BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm
        InstanceNorm1d InstanceNorm2d InstanceNorm3d AdaptiveLogSoftmaxWithLoss LinearCrossEntropyLoss
        LayerScale Threshold Softplus LogSigmoid Tanhshrink GLU Softmax Softmin LogSoftmax Softmax2d
        Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout
        Identity Flatten Unflatten Select Permute Mean
        PixelShuffle PixelUnshuffle ChannelShuffle Unfold Fold LocalResponseNorm
        Upsample UpsamplingNearest2d UpsamplingBilinear2d
        MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d
        AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
        ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d
        ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d
        CircularPad1d CircularPad2d CircularPad3d""",
}
"""Every type in a network, by its facts. A new type has to be added to one of the lists."""


def exported() -> set[str]:
    """Every module class of torch.nn."""
    found = {n for n, c in vars(torch.nn).items() if inspect.isclass(c) and issubclass(c, torch.nn.Module)}
    return found - {"Module"}


def test_every_module_of_torch_is_here_or_told_why_not() -> None:
    losses = {name for name in exported() if name.endswith(("Loss", "Loss2d"))}
    known = set(LAYERS) | set(MODULES) | set(EXCLUDED_MODULES) | set(EXCLUDED) | losses
    assert exported() - known == set()


@pytest.mark.parametrize("part", ["activation", "dropout", "flatten", "pooling", "padding"])
def test_every_tensor_to_tensor_module_of_torch_can_be_in_a_network(part: str) -> None:
    names = set(getattr(torch.nn.modules, part).__all__)
    assert names - set(TYPES) - set(EXCLUDED_MODULES) == set()


def test_no_type_is_two_things() -> None:
    assert not set(MODULES) & set(LAYERS)
    assert not set(EXCLUDED_MODULES) & (set(LAYERS) | set(MODULES))
    reasons = [cls.exclusion for cls in LAYERS.values() if cls.exclusion is not None]
    assert all(len(reason) > 20 for reason in (*EXCLUDED_MODULES.values(), *reasons))


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_says_what_it_computes_and_which_argument_sizes_its_input(kind: str) -> None:
    cls = {**MODULES, **LAYERS}[kind]
    assert issubclass(cls, NetworkModule)
    assert isinstance(cls.computation, Computation)
    if cls.input_axis is not None and kind != "TransformerEncoder":
        assert cls.input_axis.argument in cls.model_fields


def test_every_type_has_the_facts_of_the_table() -> None:
    found = {
        kind: Facts(cls.normalizes, cls.rectifies, cls.always_random, cls.recommended_init)
        for kind, cls in {**MODULES, **LAYERS}.items()
        if issubclass(cls, NetworkModule)
    }
    assert found == {kind: facts for facts, kinds in FACTS.items() for kind in kinds.split()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", cases.MODULES)
def test_a_module_is_random_where_it_draws_from_torchs_generator(kind: str, training: bool) -> None:
    arguments, shape = cases.MODULES[kind]
    module = MODULES[kind].model_validate_json(json.dumps({"type": kind, **arguments}))
    real = module.build().train(training)
    with torch.random.fork_rng([]):
        before = torch.get_rng_state()
        real(torch.full(shape, -1.0))
        assert module.is_random(training=training) == (not torch.equal(before, torch.get_rng_state()))


@pytest.mark.parametrize("kind", [kind for kind in MODULES if hasattr(torch.nn, kind)])
def test_arguments_and_defaults_are_torchs(kind: str) -> None:
    ours = {
        name: inspect.Parameter.empty if field.is_required() else field.default
        for name, field in MODULES[kind].model_fields.items()
        if name not in {"name", "type"}
    }
    theirs: dict[str, Any] = {
        name: parameter.default
        for name, parameter in inspect.signature(getattr(torch.nn, kind).__init__).parameters.items()
        if name not in HIDDEN
    }
    if kind in {"Softmax", "Softmin", "LogSoftmax"}:  # where torch's default is to guess, and to warn
        assert theirs.pop("dim") is None
        assert ours.pop("dim") is inspect.Parameter.empty
    assert ours == theirs


def test_the_functions_of_torch_that_are_modules_here() -> None:
    assert {kind for kind in MODULES if not hasattr(torch.nn, kind)} == {"Select", "Permute", "Mean", "Sine"}


@pytest.mark.parametrize(
    ("layer", "value"),
    [
        ({"type": "Select", "dim": 1}, lambda x: x[:, -1]),
        ({"type": "Select", "dim": -1, "index": 3}, lambda x: x[..., 3]),
        ({"type": "Permute", "dims": [0, -1, 1]}, lambda x: x.transpose(1, 2)),
        ({"type": "Mean", "dim": 1}, lambda x: x.mean(1)),
        ({"type": "Mean", "dim": [0, 2], "keepdim": True}, lambda x: x.mean((0, 2), keepdim=True)),
        ({"type": "Sine", "omega": 30.0}, lambda x: torch.sin(30.0 * x)),
    ],
)
def test_a_function_is_torchs(layer: dict[str, Any], value: Callable[[torch.Tensor], torch.Tensor]) -> None:
    module = MODULES[layer["type"]].model_validate_json(json.dumps(layer))
    x = torch.randn(6, 4, 8, generator=torch.Generator().manual_seed(0))
    module.check_input(tuple(x.shape))
    assert torch.equal(module.forward(module.build(), x), value(x))


@pytest.mark.parametrize(
    ("layer", "axis", "moved"),
    [
        ({"type": "Select", "dim": 1}, -1, -1),
        ({"type": "Select", "dim": 2}, -3, -2),
        ({"type": "Select", "dim": 1}, -3, -1),
        ({"type": "Select", "dim": -1}, -1, -1),
        ({"type": "Permute", "dims": [0, 2, 3, 1]}, -3, -1),
        ({"type": "Permute", "dims": [0, 3, 1, 2]}, -1, -3),
        ({"type": "Permute", "dims": [0, 3, 1, 2]}, -5, -1),
        ({"type": "Mean", "dim": [2, -1]}, -3, -1),
        ({"type": "Mean", "dim": 1}, -1, -1),
        ({"type": "Mean", "dim": 1, "keepdim": True}, -3, -3),
        ({"type": "Sine"}, -3, -3),
    ],
)
def test_the_axis_of_the_features_moves_along(layer: dict[str, Any], axis: int, moved: int) -> None:
    module = MODULES[layer["type"]].model_validate_json(json.dumps(layer))
    assert module.moved_axis(axis, (6, 4, 8, 8)) == moved


def test_summaries_are_one_sentence() -> None:
    assert all((cls.__doc__ or "").splitlines()[0].endswith(".") for cls in MODULES.values())


def test_there_is_a_case_for_every_type() -> None:
    assert set(EVERY) == set(TYPES)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", EVERY)
def test_every_type_runs_forward_and_backward(kind: str, training: bool) -> None:
    before = torch.default_generator.get_state()
    asked = cases.document(kind, EVERY[kind])
    found = cases.report({**asked, "training": training, "target": {"init": "normal"}, "loss": "mse_loss"})
    assert found.loss is not None
    assert found.layers[0].shape == found.output.shape
    assert found.layers[0].gradient_norm is not None
    assert torch.equal(before, torch.default_generator.get_state())


SHAPES = [[3], [2, 3], [2, 3, 5], [2, 3, 5, 5], [1, 3, 1, 1], [2, 3, 5, 5, 5], [2, 2, 2, 2, 2, 2]]


@pytest.mark.parametrize("kind", EVERY)
def test_an_input_of_any_shape_is_taken_or_refused_in_words(kind: str) -> None:
    for shape in SHAPES:
        found = cases.faults(cases.document(kind, (EVERY[kind][0], shape)))
        assert set(found) <= {"/layers/0"}
        for detail in found.values():
            assert detail.startswith(f"one ({kind}) ")
            assert "Error" not in detail


@pytest.mark.parametrize("kind", cases.LAYERS)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_every_layer_runs_in_every_dtype_or_says_that_torch_cannot(kind: str, dtype: str) -> None:
    found = cases.faults({**cases.document(kind, EVERY[kind]), "dtype": dtype})
    assert all("use float32" in detail for detail in found.values())


@pytest.mark.parametrize(
    ("kind", "arguments", "pointer", "words"),
    [
        ("RReLU", {"lower": 0.5}, "lower", "at most upper"),
        ("Hardtanh", {"min_val": 2}, "max_val", "above min_val"),
        ("CELU", {"alpha": 0}, "alpha", "must not be 0"),
        ("Softplus", {"beta": 0}, "beta", "must not be 0"),
        ("Softmax", {}, "dim", "required"),
        ("Dropout", {"p": 1.5}, "p", "at most 1"),
        ("Dropout", {"q": 1.5}, "q", "unknown field"),
        ("MaxPool2d", {"kernel_size": "2"}, "kernel_size", "a number, or a list of numbers"),
        ("MaxPool2d", {"kernel_size": [2, 2, 2]}, "kernel_size", "a number, or a list of numbers"),
        ("MaxPool2d", {"kernel_size": 0}, "kernel_size", "number"),
        ("MaxPool2d", {"kernel_size": 2, "padding": 2}, "padding", "half of kernel_size"),
        ("FractionalMaxPool2d", {"kernel_size": 2}, "output_size", "either"),
        ("Upsample", {}, "size", "either size or scale_factor"),
        ("Upsample", {"size": 4, "align_corners": True}, "align_corners", "linear modes"),
        ("Upsample", {"size": 4, "mode": "cubic"}, "mode", "one of nearest"),
        ("Upsample", {"size": 4, "recompute_scale_factor": True}, "recompute_scale_factor", "scale_factor"),
        ("Unflatten", {"dim": 1, "unflattened_size": []}, "unflattened_size", "at least one"),
        ("Unflatten", {"dim": 1, "unflattened_size": [-1, -1]}, "unflattened_size", "at most one"),
        ("ZeroPad2d", {"padding": [1, 2]}, "padding", "a number, or a list of numbers"),
        ("Sine", {"omega": 0}, "omega", "greater than 0"),
        ("Mean", {"dim": "time"}, "dim", "a number, or a list of numbers"),
        ("GELU", {"approximate": "erf"}, "approximate", "one of none, tanh"),
    ],
)
def test_a_wrong_argument_is_a_fault_at_its_place(
    kind: str, arguments: dict[str, Any], pointer: str, words: str
) -> None:
    layers = [{"type": "ReLU"}, {"type": kind, **arguments}]
    found = cases.faults({"layers": layers, "input": {"shape": cases.IMAGE, "init": "normal"}})
    assert list(found) == [f"/layers/1/{pointer}"]
    assert words in found[f"/layers/1/{pointer}"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"type": "Select", "dim": 4}, "an axis that its input"),
        ({"type": "Select", "dim": 1, "index": 4}, "has the size 4"),
        ({"type": "Permute", "dims": [0, 1, 2]}, "needs each axis of [6, 4, 8, 8] once"),
        ({"type": "Permute", "dims": [0, 1, 2, 2]}, "needs each axis"),
        ({"type": "Mean", "dim": [1, -3]}, "each once"),
        ({"type": "Mean", "dim": []}, "one axis or more"),
    ],
)
def test_an_axis_that_is_not_there_is_refused(layer: dict[str, Any], words: str) -> None:
    found = cases.faults({"layers": [layer], "input": {"shape": cases.IMAGE, "init": "normal"}})
    assert words in found["/layers/0"]


@pytest.mark.parametrize("kind", ["ReLU", "ELU", "Hardtanh", "Dropout", "LeakyReLU"])
def test_in_place_changes_nothing(kind: str) -> None:
    plain = cases.document(kind, EVERY[kind])
    inplace = cases.document(kind, ({**EVERY[kind][0], "inplace": True}, EVERY[kind][1]))
    assert cases.report(plain) == cases.report(inplace)
