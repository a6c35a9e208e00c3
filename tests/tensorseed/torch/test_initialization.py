"""Initialisation of modules: rules, refusals, and what is untouched."""

from __future__ import annotations

import doctest
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.nn import quantized

import tensorseed
import tensorseed.torch as ts
from tensorseed.spec.entries import rules_of
from tensorseed.torch import initialization, specification
from tensorseed.torch.decisions import decide
from tests.tensorseed.torch.equality import assert_equals_its_spec, bits


class Block(nn.Module):
    """A module with bare parameters and buffers of its own."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(size))
        self.kernel = nn.Parameter(torch.zeros(3, size, 2 * size))
        self.proj = nn.Linear(size, size)
        self.norm = nn.BatchNorm1d(size)
        self.register_buffer("steps", torch.arange(5))
        self.register_buffer("hidden", torch.full((3,), 7.0), persistent=False)


RULES = [
    {"match": "scale", "init": {"kind": "constant", "value": 0.1}},
    {"match": "**.kernel", "init": "he_normal", "fan_axes": {"in": -2, "out": -1}},
    {"type": "Linear", "match": "weight", "init": {"kind": "trunc_normal", "std": 0.02}},
]


def test_rules_reach_bare_parameters_and_layers() -> None:
    model: Any = nn.ModuleList(Block() for _ in range(3))
    report = ts.init_(model, seed=11, rules=RULES)
    document = assert_equals_its_spec(model, seed=11, rules=RULES)
    assert [row.by for row in report[:5]] == [
        "rule 0",
        "rule 1",
        "rule 2",
        "default of Linear",
        "default of BatchNorm1d",
    ]
    assert report["0.kernel"].std == pytest.approx((2 / (3 * 4)) ** 0.5)
    assert {entry["name"] for entry in document["layers"]} >= {"{0..2}.scale", "{0..2}.proj", "{0..2}.norm"}
    assert report.left == tuple(f"{index}.{name}" for index in range(3) for name in ("steps", "hidden"))
    assert model[1].hidden.tolist() == [7.0] * 3


def test_a_rule_knows_the_groups_of_a_convolution() -> None:
    model = nn.Sequential(*(nn.Conv1d(4, 4, 3, groups=groups, bias=False) for groups in (1, 2, 4)))
    x = torch.randn(2, 4, 9)
    eye = {"kind": "eye", "gain": 0.5}
    for init in (eye, {"kind": "parts", "parts": [{"init": eye}]}):
        ts.init_(model, rules=[{"match": "**", "init": init}])
        for layer in model:
            assert torch.equal(layer(x), 0.5 * x[..., 1:-1])
        assert_equals_its_spec(model, rules=[{"match": "**", "init": init}])


def test_a_seed_and_a_name_decide_the_values() -> None:
    one, other = nn.ModuleDict({"a": nn.Linear(3, 4)}), nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(3, 4)})
    ts.init_(one, seed=2**64 - 1)
    ts.init_(other, seed=2**64 - 1)
    assert torch.equal(one["a"].weight, other["a"].weight)
    ts.init_(other, seed=3)
    assert not torch.equal(one["a"].weight, other["a"].weight)


def test_nothing_else_changes() -> None:
    model: Any = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.BatchNorm1d(4)).eval()
    model[0].weight.requires_grad_(False)
    calls: list[object] = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    before, where = torch.get_rng_state(), model[0].weight.data_ptr()
    numbers: Any = np.random.get_state()
    ts.init_(model)
    tensorseed.spec_of(model)
    assert torch.equal(torch.get_rng_state(), before)
    now: Any = np.random.get_state()
    assert np.array_equal(now[1], numbers[1])
    assert now[2:] == numbers[2:]
    assert model[0].weight.data_ptr() == where
    assert [tensor.requires_grad for tensor in model.parameters()] == [False, True, True, True]
    assert not model.training
    assert all(tensor.grad_fn is None for tensor in model.parameters())
    assert not calls


def test_a_rule_that_decides_nothing_is_warned_of() -> None:
    rules = [
        {"match": "fc.weight", "init": "ones"},
        {"match": "**.weight", "init": "ones"},
        {"match": "bias", "init": "ones"},
    ]
    unused = tensorseed.UnusedRuleWarning
    with pytest.warns(unused, match=r"rule 0, match fc\.weight, decided no tensor") as caught:
        report = ts.init_(nn.Linear(2, 3), rules=rules)
    assert caught[0].filename == __file__
    assert report.unused_rules == (0,)
    assert "rule 0, match fc.weight, decided no tensor" in repr(report)
    with pytest.warns(unused, match="rule 0") as caught:
        tensorseed.spec_of(nn.Linear(2, 3), rules=rules)
    assert caught[0].filename == __file__


def test_rules_of_a_whole_model_fit_its_parts() -> None:
    rules = [{"match": "stages.{0..3}.weight", "init": "ones"}, {"match": "head.*", "init": "zeros"}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = ts.init_(nn.Linear(2, 3), rules=rules, prefix="stages.1")
        tensorseed.spec_of(nn.Linear(2, 3), rules=rules, prefix="stages.1")
    assert report.unused_rules == (1,)


@pytest.mark.parametrize(
    ("rules", "pointer", "detail"),
    [
        (
            [{"match": "scale", "init": "xavier_normal"}],
            "/rules/0/init",
            "the rule matches scale, of shape (4,)",
        ),
        (
            [{"match": "scale", "init": "ones", "fan_axes": {"in": 0, "out": 1}}],
            "/rules/0/fan_axes",
            "two dimensions",
        ),
        ([{"match": "num_batches_tracked", "init": "normal"}], "/rules/0/init", "norm.num_batches_tracked"),
        ([{"match": "scale", "init": {"kind": "values", "data": [1, 2]}}], "/rules/0/init/data", "(4,)"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(rules, pointer: str, detail: str) -> None:
    model = Block()
    with pytest.raises(tensorseed.ModuleError) as error:
        ts.init_(model, rules=[*rules, {"match": "**", "init": "ones"}])
    (fault,) = error.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail
    assert not model.scale.any()


def test_every_parameter_without_an_init_is_named() -> None:
    model: Any = nn.ModuleDict({"blocks": nn.ModuleList(Block() for _ in range(12)), "fc": nn.Linear(2, 2)})
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(tensorseed.ModuleError) as error:
        ts.init_(model)
    assert str(error.value) == (
        "nothing gives blocks.{0..11}.kernel, blocks.{0..11}.scale an init, since Block is no layer type "
        'whose default is known: add rules, such as {"type": "Block", "match": "scale", "init": …}'
    )
    for name, tensor in model.state_dict().items():
        assert torch.equal(bits(tensor), bits(before[name])), name


def test_meta_needs_memory_first() -> None:
    model: Any = nn.Sequential(*(nn.Linear(3, 3, device="meta") for _ in range(2)))
    with pytest.raises(
        tensorseed.ModuleError, match=r"on meta, without memory, are \{0..1\}.bias, .*: call module.to_empty"
    ):
        ts.init_(model)
    document = tensorseed.spec_of(model)
    model.to_empty(device="cpu")
    ts.init_(model)
    assert document == assert_equals_its_spec(model)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int32])
def test_a_dtype_that_the_stream_lacks_is_refused(dtype: torch.dtype) -> None:
    model: Any = nn.ParameterDict({"x": nn.Parameter(torch.zeros(2, dtype=dtype), requires_grad=False)})
    sentence = f"^the stream has no {str(dtype)[6:]}, the dtype of x: use one of float64, float32"
    for rules in (None, [{"match": "x", "init": "zeros"}]):
        with pytest.raises(tensorseed.ModuleError, match=sentence):
            ts.init_(model, rules=rules)


def test_a_layer_of_another_dtype_is_refused() -> None:
    layers = nn.ModuleList(nn.Linear(2, 2, dtype=torch.complex64) for _ in range(3))
    for function in (ts.init_, tensorseed.spec_of):
        with pytest.raises(tensorseed.ModuleError) as error:
            function(layers)
        (fault,) = error.value.faults
        assert "no complex64, the dtype of {0..2}.bias, {0..2}.weight: use one of" in fault.detail
    integers: Any = nn.Linear(2, 2, bias=False)
    integers.weight = nn.Parameter(torch.zeros(2, 2, dtype=torch.int64), requires_grad=False)
    with pytest.raises(tensorseed.ModuleError, match="a Linear of torch has no int64 weight: add rules"):
        ts.init_(integers)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, "3"])
def test_a_seed_is_an_integer(seed) -> None:
    assert ts.init_(nn.Linear(2, 2), seed=np.uint64(2**64 - 1)).seed == 2**64 - 1
    with pytest.raises(tensorseed.SpecError, match="seed must be an integer from 0 to 18446744073709551615"):
        ts.init_(nn.Linear(2, 2), seed=seed)


@pytest.mark.parametrize(
    ("tensor", "error", "detail"),
    [
        (lambda: torch.eye(3).to_sparse(), tensorseed.TensorError, "b: a tensor of layout torch.sparse"),
        (lambda: torch.zeros(1).expand(4), tensorseed.TensorError, "b: elements of the tensor share memory"),
        (
            lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=torch.jagged),
            tensorseed.ModuleError,
            "b is a nested tensor",
        ),
        (
            lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
            tensorseed.ModuleError,
            "b is a nested tensor",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_tensor_that_nothing_fills_is_refused(tensor, error, detail: str) -> None:
    model = nn.ParameterDict({"a": torch.zeros(2), "b": nn.Parameter(tensor())})
    with pytest.raises(error, match=detail):
        ts.init_(model, rules=[{"match": "**", "init": "normal"}])
    assert not model["a"].any()


@pytest.mark.parametrize("nbytes", [0, 16])
def test_a_tensor_whose_storage_was_freed_or_shrunk_is_refused(nbytes: int) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 4))
    before, weight = model.get_parameter("0.weight").clone(), model.get_parameter("1.weight")
    weight.untyped_storage().resize_(nbytes)
    with pytest.raises(tensorseed.TensorError, match=r"1\.weight: the tensor's storage was freed or shrunk"):
        ts.init_(model)
    assert torch.equal(model.get_parameter("0.weight"), before)


def test_a_compiled_module_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.jit.script(nn.Sequential(nn.Linear(2, 3)))
    sentence = "fc is compiled by torch.jit, and has no layers of torch.nn: call init_ before it is compiled"
    with pytest.raises(tensorseed.ModuleError, match=sentence):
        ts.init_(nn.ModuleDict({"fc": compiled}))


@pytest.mark.filterwarnings("ignore")  # torch deprecates quantization
@pytest.mark.parametrize(
    "make",
    [
        lambda: quantized.Linear(3, 4),
        lambda: quantized.Conv2d(3, 4, 1),
        lambda: quantized.Embedding(3, 4),
        lambda: quantized.dynamic.Linear(3, 4),
        lambda: quantized.dynamic.LSTM(3, 4),
        lambda: quantized.dynamic.GRUCell(3, 4),
    ],
)
def test_a_quantized_module_is_refused(make) -> None:
    for function in (ts.init_, tensorseed.spec_of):
        with pytest.raises(tensorseed.ModuleError, match="1 is quantized, and its weights are no param"):
            function(nn.Sequential(nn.Linear(2, 3), make()))


def test_a_module_and_its_name_are_needed() -> None:
    for function in (ts.init_, tensorseed.spec_of):
        with pytest.raises(tensorseed.ModuleError, match="needed, and not Tensor: give the module"):
            function(torch.zeros(2))
        with pytest.raises(tensorseed.ModuleError, match=r"such as layers\.3: braces are not allowed"):
            function(nn.Linear(2, 2), prefix="layers.{0..3}")
        with pytest.raises(tensorseed.ModuleError, match=r"such as layers\.3, and not int"):
            function(nn.Linear(2, 2), prefix=3)


class Rotary(nn.Module):
    """Frequencies that the module computes itself."""

    def __init__(self, reset: str | None) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.zeros(4), persistent=False)
        if reset is not None:
            setattr(self, reset, self._compute)

    def _compute(self) -> None:
        torch.rand(3)
        self.frequencies = 1 / 10_000 ** (torch.arange(0, 8, 2) / 8)


@pytest.mark.parametrize("reset", ["reset_buffers", "reset_parameters"])
def test_a_buffer_on_meta_is_computed_by_its_module(reset: str) -> None:
    model: Any = nn.ModuleDict({"rotary": Rotary(reset).to("meta"), "fc": nn.Linear(2, 2)})
    before = torch.get_rng_state()
    report = ts.init_(model)
    assert torch.equal(torch.get_rng_state(), before)
    assert report.computed == ("rotary.frequencies",)
    assert report.left == ()
    assert model["rotary"].frequencies.tolist() == pytest.approx([1.0, 0.1, 0.01, 0.001])


def test_a_buffer_on_meta_that_nothing_computes_is_refused() -> None:
    model: Any = nn.ModuleDict({"rotary": Rotary(None).to("meta"), "fc": nn.Linear(2, 2)})
    before = model["fc"].weight.clone()
    with pytest.raises(
        tensorseed.ModuleError, match=r"the buffer rotary\.frequencies is on meta, and Rotary has no"
    ):
        ts.init_(model)
    assert torch.equal(model["fc"].weight, before)


def test_a_module_without_tensors_has_an_empty_report() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = ts.init_(nn.ReLU())
    assert len(report) == 0
    assert tensorseed.spec_of(nn.ReLU()) == {"seed": 0, "layers": []}
    assert "0 tensors" in repr(report)
    assert "0 tensors with 0 numbers" in report._repr_html_()


@pytest.mark.parametrize("module", [initialization, specification])
def test_the_examples_hold(module) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


def test_defaults_are_decided_at_once_as_one_by_one() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2, bias=False))
    at_once = decide(module, rules_of(None))
    one_by_one = decide(module, rules_of([{"match": "nothing", "init": "zeros"}]))
    for part in ("drawn", "addresses", "sources"):
        assert getattr(at_once, part) == getattr(one_by_one, part)
    for column, other in zip(at_once.sizes, one_by_one.sizes, strict=True):
        assert column.tolist() == other.tolist()
    assert [*map(id, at_once.tensors)] == [*map(id, one_by_one.tensors)]


def test_layers_that_differ_in_one_fact_have_defaults_of_their_own() -> None:
    first, wide, half = nn.Linear(4, 4), nn.Linear(4, 6), nn.Linear(4, 4, dtype=torch.float16)
    bare, scaled = nn.Linear(4, 4, bias=False), nn.LayerNorm(4, bias=False)
    shift = nn.LayerNorm(4)
    shift.weight = None
    module = nn.Sequential(first, wide, half, bare, nn.Linear(4, 4), nn.Bilinear(2, 2, 4), scaled, shift)
    report = ts.init_(module, seed=1)
    assert [row.shape for row in report] == [one.shape for one in module.parameters()]
    assert_equals_its_spec(module, seed=1)
