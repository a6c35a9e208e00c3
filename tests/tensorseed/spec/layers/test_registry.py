"""Registry of layers against torch: types, arguments and defaults."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tensorseed.spec.layers import LAYERS, Layer
from tensorseed.spec.layers.exclusions import EXCLUDED
from tests.tensorseed.spec.layers.grids import GRIDS, OURS, TORCH_GRIDS

PAGE = Path(__file__).parents[4] / "docs" / "spec.md"

# Arguments of torch's that no spec can give: modules, tensors, process groups, options of a kernel, and
# `init` of PReLU, which is the init of its weight.
NOT_OURS = {
    "self",
    "device",
    "dtype",
    "_weight",
    "_freeze",
    "process_group",
    "custom_encoder",
    "custom_decoder",
}
NOT_OURS_OF = {"PReLU": {"init"}, "LinearCrossEntropyLoss": {"weight", "options"}}
# What a constructor names if it makes tensors of its own, or takes in modules that have them.
SIGNS = {
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "_get_clones",
    "add_module",
    "register_buffer",
    "register_parameter",
}


def test_every_layer_type_is_compared() -> None:
    assert set(GRIDS) == {name for name, cls in LAYERS.items() if issubclass(cls, Layer)}


def modules() -> dict[str, type[torch.nn.Module]]:
    """Every module class that torch.nn exports, but for the root of them all."""
    found = {
        name: cls
        for name, cls in vars(torch.nn).items()
        if inspect.isclass(cls) and issubclass(cls, torch.nn.Module)
    }
    del found["Module"]
    return found


def owners() -> set[str]:
    """The classes whose constructors make tensors, or modules that do."""
    named = {name: _names(cls) for name, cls in modules().items()}
    found: set[str] = set()
    while more := {name for name, names in named.items() if names & (SIGNS | found)} - found:
        found |= more
    return found


def _names(cls: type[torch.nn.Module]) -> set[str]:
    """Every global and attribute that the constructors of a class and of its bases use."""
    bases = [
        base for base in cls.__mro__ if issubclass(base, torch.nn.Module) and base is not torch.nn.Module
    ]
    constructors = [inspect.unwrap(base.__init__) for base in bases]
    return {name for constructor in constructors for name in constructor.__code__.co_names}


def test_no_layer_type_of_torch_is_missing() -> None:
    missing = owners() - set(LAYERS) - set(EXCLUDED)
    assert not missing, "write their classes, or exclude them with a reason"


def test_the_walk_finds_every_layer_type() -> None:
    assert owners() >= {name for name, cls in LAYERS.items() if issubclass(cls, Layer)} - OURS


def test_exclusions_exist_and_have_reasons() -> None:
    assert set(EXCLUDED) - {"Concat", "Residual"} <= set(modules())  # which evaluations add
    assert not set(EXCLUDED) & set(LAYERS)
    assert all(len(reason) > 20 for reason in EXCLUDED.values())


def test_summaries_are_one_sentence() -> None:
    assert all((cls.__doc__ or "").splitlines()[0].endswith((".", ").")) for cls in LAYERS.values())


def signature(kind: str) -> dict[str, Any]:
    """The defaults of torch's constructor, by argument; those of RNNBase for what it does not name itself."""
    own = inspect.signature(getattr(torch.nn, kind).__init__).parameters
    if "kwargs" not in own:
        return {name: parameter.default for name, parameter in own.items()}
    own = inspect.signature(torch.nn.RNNBase.__init__).parameters
    found = {name: parameter.default for name, parameter in own.items() if name != "mode"}
    if kind != "LSTM":
        del found["proj_size"]
    return {**found, **({"nonlinearity": "tanh"} if kind == "RNN" else {})}


def test_a_type_says_whether_it_is_torchs() -> None:
    ours = {name for name, cls in LAYERS.items() if issubclass(cls, Layer) and not cls.in_torch}
    assert ours == OURS
    assert not any(hasattr(torch.nn, name) for name in OURS)


@pytest.mark.parametrize("kind", TORCH_GRIDS)
def test_arguments_and_defaults_are_torchs(kind: str) -> None:
    ours = {
        name: inspect.Parameter.empty if field.is_required() else field.default
        for name, field in LAYERS[kind].model_fields.items()
        if name not in {"name", "type", "dtype", "stream", "seed", "init"}
    }
    hidden = NOT_OURS | NOT_OURS_OF.get(kind, set())
    theirs = {name: default for name, default in signature(kind).items() if name not in hidden}
    named = {torch.nn.functional.relu: "relu"}
    assert ours == {name: named.get(value, value) for name, value in theirs.items()}


def test_the_page_of_specs_names_every_layer_type() -> None:
    words = set(re.findall(r"\w+", PAGE.read_text(encoding="utf-8")))
    assert set(LAYERS) <= words


def test_a_layer_without_slots_is_none() -> None:
    class Forgetful(Layer):
        pass

    with pytest.raises(TypeError, match="slots"):
        Forgetful(name="w", type="Forgetful")  # type: ignore[abstract]
    assert not any(inspect.isabstract(cls) for cls in LAYERS.values())
