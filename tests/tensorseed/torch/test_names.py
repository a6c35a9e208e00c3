"""Names of tensors inside wrappers, and ties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel

import tensorseed
import tensorseed.torch as ts
from tensorseed.torch.names import class_names
from tests.tensorseed.torch.equality import assert_equals_its_spec, bits


def model() -> Any:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)))


class Distributed(nn.parallel.DistributedDataParallel):
    """DDP without a process group."""

    def __init__(self, module: nn.Module) -> None:
        nn.Module.__init__(self)
        self.module = module


def inside(module: Any) -> nn.Module:
    module[2] = checkpoint_wrapper(module[2])
    return module


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        Distributed,
        AveragedModel,
        lambda module: torch.compile(module, backend="eager"),
        checkpoint_wrapper,
        inside,
        lambda module: torch.compile(nn.DataParallel(inside(module)), backend="eager"),
    ],
    ids=["DataParallel", "DDP", "AveragedModel", "compile", "checkpoint", "checkpoint inside", "several"],
)
def test_a_wrapper_changes_no_name_and_no_value(wrap) -> None:
    plain, wrapped = model(), wrap(model())
    report = ts.init_(plain, seed=7)
    assert [row.name for row in ts.init_(wrapped, seed=7)] == [row.name for row in report]
    expected = plain.state_dict()
    assert tensorseed.spec_of(wrapped, seed=7) == tensorseed.spec_of(plain, seed=7)
    for (name, tensor), found in zip(expected.items(), tensors(wrapped), strict=True):
        assert torch.equal(bits(tensor), bits(found)), name


def tensors(module: nn.Module) -> list[torch.Tensor]:
    return [tensor for name, tensor in module.state_dict().items() if name != "n_averaged"]


def test_an_attribute_may_have_the_name_of_a_wrappers() -> None:
    mine: Any = nn.ModuleDict(
        {"module": nn.Linear(2, 2), "_orig_mod": nn.ModuleDict({"module": nn.Linear(2, 2)})}
    )
    assert [row.name for row in ts.init_(mine)] == [*mine.state_dict()]
    assert_equals_its_spec(mine)


def test_the_names_of_a_class_are_those_of_the_user() -> None:
    layer: Any = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    assert class_names(type(layer)) == ("Linear",)
    assert class_names(type(nn.Conv2d(1, 1, 1))) == ("Conv2d", "_ConvNd")


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3, padding_idx=1)
        self.head = nn.Linear(3, 5)
        self.head.weight = self.table.weight
        self.first = nn.Linear(3, 3)
        self.second = self.first


def test_tied_tensors_are_drawn_once_by_the_first_name() -> None:
    tied = Tied()
    report = ts.init_(tied, seed=1)
    assert report.ties == {
        "head.weight": "table.weight",
        "second.weight": "first.weight",
        "second.bias": "first.bias",
    }
    assert report["table.weight"].tied == ("head.weight",)
    assert report["head.weight"] == report["table.weight"]
    assert "head.weight" in repr(report)
    document = assert_equals_its_spec(tied, seed=1)
    assert [entry["name"] for entry in document["layers"]] == [
        "table",
        "head.weight",
        "head.bias",
        "first",
        "second",
    ]
    assert document["layers"][-1]["stream"] == "first"
    again = Tied()
    again.load_state_dict(tensorseed.open(document).torch())
    assert again.head.weight is again.table.weight
    assert torch.equal(again.head.weight, tied.head.weight)


@pytest.mark.parametrize("same", [lambda weight: weight, lambda weight: weight.data])
def test_a_parameter_that_is_a_buffer_as_well_is_drawn(same) -> None:
    whole: Any = nn.Module()
    whole.fc = nn.Linear(3, 2)
    whole.register_buffer("weight", same(whole.fc.weight))
    whole.register_buffer("mask", torch.ones(2))
    report = ts.init_(whole, seed=4)
    assert report.ties == {"weight": "fc.weight"}
    assert report.left == ("mask",)
    assert_equals_its_spec(whole, seed=4)


def test_a_rule_for_the_further_name_of_a_tie_decides_nothing() -> None:
    sentence = r"decided no tensor: head\.weight is tied to table\.weight, by whose name rules find it"
    with pytest.warns(tensorseed.UnusedRuleWarning, match=sentence):
        ts.init_(Tied(), rules=[{"match": "head.weight", "init": "zeros"}])


def test_parameters_of_one_memory_are_tied() -> None:
    views = nn.ParameterDict({"one": torch.empty(4, 3)})
    views["two"] = nn.Parameter(views["one"].data)
    rules = [{"match": "**", "init": "normal"}]
    assert ts.init_(views, rules=rules).ties == {"two": "one"}
    assert_equals_its_spec(views, rules=rules)


def test_parameters_that_overlap_are_refused() -> None:
    whole = torch.zeros(4, 3)
    views = nn.ParameterDict({"whole": whole, "rows": whole[:2], "last": whole[3:]})
    with pytest.raises(tensorseed.ModuleError, match="share elements") as error:
        ts.init_(views, rules=[{"match": "**", "init": "normal"}])
    assert len(error.value.faults) == 2
    assert not whole.any()


@pytest.mark.parametrize(
    "part",
    [
        lambda whole: whole.t(),
        lambda whole: whole[:, 1:],
        lambda whole: whole.view(-1)[5:6],
        lambda whole: whole.view(torch.int64),
    ],
)
def test_parameters_that_share_an_element_are_refused(part) -> None:
    whole = torch.zeros(4, 4)
    views = nn.ParameterDict({"whole": whole})
    views["part"] = nn.Parameter(part(whole), requires_grad=False)
    with pytest.raises(tensorseed.ModuleError, match="whole and part share elements without being equal"):
        ts.init_(views, rules=[{"match": "**", "init": "zeros"}])


def test_parameters_between_each_other_are_drawn() -> None:
    whole = torch.zeros(4, 6)
    views = nn.ParameterDict({"left": whole[:, :3], "right": whole[:, 3:], "other": torch.zeros(2)})
    rules = [{"match": "**", "init": "normal"}]
    ts.init_(views, rules=rules)
    assert_equals_its_spec(views, rules=rules)


@pytest.mark.parametrize("prefix", ["stages.3", "stages.3."])
def test_a_part_of_a_model_is_drawn_by_its_names_in_the_whole(prefix: str) -> None:
    whole: Any = nn.ModuleDict({"stages": nn.ModuleList(model() for _ in range(5))})
    part: Any = model()
    rules = [{"match": "stages.{2..3}.0.weight", "init": "orthogonal"}]
    ts.init_(whole, seed=9, rules=rules)
    report = ts.init_(part, seed=9, rules=rules, prefix=prefix)
    assert report[0].name == "stages.3.0.weight"
    for name, tensor in whole["stages"][3].state_dict().items():
        assert torch.equal(bits(tensor), bits(part.state_dict()[name])), name
    opened = tensorseed.open(tensorseed.spec_of(part, seed=9, rules=rules, prefix=prefix)).torch()
    assert opened.keys() == {f"stages.3.{name}" for name in part.state_dict()}


def test_a_prefix_names_one_layer_too() -> None:
    layer: Any = nn.Linear(3, 2)
    ts.init_(layer, prefix="fc")
    document = tensorseed.spec_of(layer, prefix="fc")
    assert document["layers"] == [{"name": "fc", "type": "Linear", "in_features": 3, "out_features": 2}]
    assert torch.equal(layer.weight, tensorseed.open(document).torch()["fc.weight"])


def test_a_module_inside_itself_is_refused() -> None:
    looped: Any = nn.ModuleDict({"a": nn.ModuleDict()})
    looped["a"]["b"] = looped
    with pytest.raises(tensorseed.ModuleError, match="is a module its own submodule"):
        ts.init_(looped)


@pytest.mark.parametrize("name", ["a{b", "a\nb", "x" * 1_100])
def test_a_name_that_no_spec_has_is_refused(name: str) -> None:
    with pytest.raises(tensorseed.ModuleError, match="name"):
        ts.init_(nn.ParameterDict({name: torch.zeros(2)}), rules=[{"match": "**", "init": "ones"}])
