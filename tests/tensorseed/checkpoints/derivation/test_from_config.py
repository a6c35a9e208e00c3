"""Derived recipes against transformers: tensors, order, distributions."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

from tensorseed.checkpoints.derivation import building, derive, process
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of, with_vocabulary
from tensorseed.checkpoints.layout import state_dict_order
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.derivation.families import FAMILIES

SIGMAS = 6.0


class Pair(NamedTuple):
    """The file that a derived recipe gives, that of transformers, and what transformers says to ours."""

    recipe: dict[str, Any]
    ours: dict[str, torch.Tensor]
    theirs: dict[str, torch.Tensor]
    order: list[str]
    loading: dict[str, Any]


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    document = FAMILIES[request.param]
    recipe = derive(document)
    mine, their = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("theirs")
    config = config_of(document)
    cls = class_of(document, config)
    torch.manual_seed(0)
    model = cls._from_config(config)
    order = saved_order(model)
    model.save_pretrained(their)
    loaded = cls.from_pretrained(their)  # which keeps some tensors in float32
    loaded.save_pretrained(their)
    write(recipe, mine)
    again, loading = cls.from_pretrained(mine, output_loading_info=True)
    assert type(again) is type(model)
    return Pair(recipe, read(mine), read(their), order, loading)


def saved_order(model: transformers.PreTrainedModel) -> list[str]:
    state = dict(model.state_dict())
    for name in model._keys_to_ignore_on_save or ():
        state.pop(name, None)
    return list(revert_weight_conversion(model, remove_tied_weights_from_state_dict(state, model)))


def write(recipe: dict[str, Any], folder: Path) -> None:
    file = open_file(parse_spec(json.dumps(recipe["weights"]).encode(), Limits()))
    content = file.read(0, file.size).tobytes()
    (folder / "model.safetensors").write_bytes(content)
    (folder / "config.json").write_text(json.dumps(recipe["config"]))


def read(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_names_shapes_and_dtypes(pair: Pair) -> None:
    def outline(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
        return {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}

    assert outline(pair.ours) == outline(pair.theirs)


def test_the_order_is_that_of_the_state_dict(pair: Pair) -> None:
    assert state_dict_order(pair.recipe["weights"]["layers"], Limits()) == pair.order


def test_it_loads_without_a_word(pair: Pair) -> None:
    assert {what: keys for what, keys in pair.loading.items() if keys} == {}


def test_means_and_deviations_agree(pair: Pair) -> None:
    for name, theirs in pair.theirs.items():
        ours, theirs = pair.ours[name].double(), theirs.double()
        noise = SIGMAS * float(theirs.std(unbiased=False)) * math.sqrt(2.0 / theirs.numel())
        rounding = 1e-3 * float(theirs.abs().max()) + 1e-12
        assert abs(float(ours.mean() - theirs.mean())) <= noise + rounding, name
        spread = abs(float(ours.std(unbiased=False) - theirs.std(unbiased=False)))
        assert spread <= noise + rounding, name


def test_what_is_not_drawn_is_equal(pair: Pair) -> None:
    fixed = 0
    for name, theirs in pair.theirs.items():
        if len(theirs.unique()) == 1 or "encoder.embed_positions" in name:
            assert torch.allclose(pair.ours[name].double(), theirs.double(), rtol=0, atol=1e-4), name
            fixed += 1
    assert fixed


def test_rows_that_are_zero(pair: Pair) -> None:
    for name, theirs in pair.theirs.items():
        if theirs.dim() == 2:
            zero = (theirs == 0).all(dim=1)
            assert torch.equal((pair.ours[name] == 0).all(dim=1), zero), name


def test_it_is_a_recipe(pair: Pair) -> None:
    recipe = read_recipe(json.dumps(pair.recipe).encode(), "derived")
    assert recipe.config in [with_vocabulary(config) for config in FAMILIES.values()]
    assert len(recipe.weights.layers) <= 60


def test_the_size_of_the_model_does_not_change_the_size_of_the_recipe() -> None:
    llama = FAMILIES["llama"]
    large = derive({**llama, "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 40})
    assert len(large["weights"]["layers"]) == len(derive(llama)["weights"]["layers"]) == 12


def test_a_table_that_half_precision_blurs_is_that_of_float32() -> None:
    whisper = FAMILIES["whisper"] | {"max_source_positions": 1_500}
    half, whole = (derive(whisper | {"torch_dtype": dtype})["weights"] for dtype in ("float16", "float32"))
    assert half["dtype"] == "float16"
    assert half["layers"] == whole["layers"]
    assert "sinusoidal" in {str(entry.get("init")) for entry in half["layers"]}


def test_ids() -> None:
    assert derive(FAMILIES["llama"])["id"] == "local/llama"
    assert derive(FAMILIES["llama"], "me/mine")["id"] == "me/mine"


def test_without_architectures_it_is_the_base_model() -> None:
    config = {name: value for name, value in FAMILIES["bert"].items() if name != "architectures"}
    names = [entry["name"] for entry in derive(config)["weights"]["layers"]]
    assert "pooler.dense.weight" in names


def test_the_process_is_left_as_it_was() -> None:
    functions = dict(vars(torch.nn.init))
    derive({**FAMILIES["llama"], "num_hidden_layers": 1})
    with pytest.raises(ConfigError):
        derive({**FAMILIES["llama"], "hidden_size": "wide"})
    assert vars(torch.nn.init) == functions
    assert torch.get_default_dtype() == torch.float32
    assert not torch.empty(1).is_meta


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"model_type": "lama"}, "/model_type", "did you mean llama"),
        ({"architectures": ["LlamaForCausalLn"]}, "/architectures/0", "did you mean LlamaForCausalLM"),
        ({"architectures": ["BertForMaskedLM"]}, "/architectures/0", "unknown architecture of llama"),
        ({"architectures": ["LlamaConfig"]}, "/architectures/0", "unknown architecture of llama"),
        ({"architectures": ["x"]}, "/architectures/0", "valid are LlamaForCausalLM, LlamaFor"),
        ({"hidden_size": "8"}, "/hidden_size", "hidden_size has a value that transformers does not take"),
        ({"rope_scaling": "x"}, "", "rope_parameters has a value that transformers does not take"),
        ({"hidden_size": -8}, "/hidden_size", "hidden_size is -8: give at least 1"),
        ({"num_attention_heads": 0}, "/num_attention_heads", "num_attention_heads is 0: give at least 1"),
        ({"rope_scaling": {"rope_type": "x"}}, "/rope_scaling/rope_type", "does not know: x"),
        ({"num_hidden_layers": 4_000, "model_type": "gpt2"}, "/architectures/0", "unknown architecture"),
    ],
)
def test_faults(changes: dict[str, Any], pointer: str, detail: str) -> None:
    with pytest.raises(ConfigError) as caught:
        derive({**FAMILIES["llama"], **changes})
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert detail in fault.detail


def test_tensors_without_elements() -> None:
    first = derive({**FAMILIES["llama"], "vocab_size": 0})["weights"]["layers"][0]
    assert first == {
        "name": "model.embed_tokens.weight",
        "type": "Tensor",
        "shape": [0, 64],
        "init": "zeros",
    }


def test_transformers_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    derive({**FAMILIES["llama"], "eos_token_id": 700})
    assert capfd.readouterr() == ("", "")


def test_memory_that_does_not_suffice_is_no_fault_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("tensorseed.checkpoints.derivation.recipe_from_model.build", build)
    with pytest.raises(MemoryError):
        derive(FAMILIES["llama"])
    asked = {"config": FAMILIES["llama"], "overrides": None, "tiny": False}
    answer = process._answer(json.dumps(asked).encode())
    assert "more memory than a derivation may" in answer["faults"][0][1]


def test_too_many_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MAX_MODULES", 100)
    with pytest.raises(ConfigError, match="too many modules"):
        derive({**FAMILIES["gpt2"], "n_layer": 10})
