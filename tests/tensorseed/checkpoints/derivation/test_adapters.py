"""Derived adapters against peft: names, shapes, distributions, loading."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load, load_file

from tensorseed.__main__ import main
from tensorseed.checkpoints.derivation.adapters.documents import check_adapter, is_adapter, with_base
from tensorseed.checkpoints.derivation.adapters.expressions import ExpressionError, doublings_of
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.from_config import derive
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.layout import state_dict_order
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.derivation.families import FAMILIES

peft = pytest.importorskip("peft", reason="peft is not installed")

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

SEEDS = 8
SIGMAS = 6.0
BASE = "base_model_name_or_path"


def adapter(**changes: Any) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        BASE: "tests/base",
        "r": 4,
        "target_modules": ["q_proj", "v_proj"],
        **changes,
    }


def derived(family: str, config: dict[str, Any]) -> dict[str, Any]:
    return derive(with_base(config, lambda name: FAMILIES[family] if name == "tests/base" else None))


def ours(recipe: dict[str, Any], seed: int) -> bytes:
    file = open_file(parse_spec(json.dumps({**recipe["weights"], "seed": seed}).encode(), Limits()))
    return file.read(0, file.size).tobytes()


def model(family: str) -> Any:
    config = config_of(FAMILIES[family])
    return class_of(FAMILIES[family], config)._from_config(config)


UNSLOTH = (  # the expression that its get_peft_regex makes
    r"(?:.*?(?:vision|image|visual|patch|language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)"
    r".*?(?:k_proj|v_proj|q_proj|o_proj|gate_proj|up_proj|down_proj).*?)"
    r"|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)"
    r"\.(?:(?:k_proj|v_proj|q_proj|o_proj|gate_proj|up_proj|down_proj)))"
)
CASES = {
    "rank patterns": ("llama", adapter(rank_pattern={"v_proj": 2}, task_type="CAUSAL_LM")),
    "all linear layers, B drawn": ("llama", adapter(target_modules="all-linear", init_lora_weights=False)),
    "a regular expression": ("llama", adapter(target_modules=r".*layers\.0\..*(q|k)_proj")),
    "gaussian, Conv1D": (
        "gpt2",
        adapter(target_modules=["c_attn"], init_lora_weights="gaussian", fan_in_fan_out=True),
    ),
    "an embedding": ("llama", adapter(target_modules=["embed_tokens"])),
}


@pytest.mark.parametrize("case", CASES)
def test_it_has_the_tensors_and_distributions_of_peft(case: str, tmp_path: Path) -> None:
    family, config = CASES[case]
    recipe = derived(family, config)
    base = model(family)
    base.name_or_path = base.config._name_or_path = "tests/base"
    theirs: dict[str, list[torch.Tensor]] = {}
    mine: dict[str, list[torch.Tensor]] = {}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        adapted = peft.get_peft_model(base, peft.LoraConfig.from_peft_type(**config))
        state = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
        for name, tensor in state.items():
            theirs.setdefault(name, []).append(tensor.detach().clone())
        base = adapted.unload()
        for name, tensor in load(ours(recipe, seed)).items():
            mine.setdefault(name, []).append(tensor)
    assert state_dict_order(recipe["weights"]["layers"], Limits()) == list(theirs)
    for name, drawn in theirs.items():
        found, known = torch.stack(mine[name]).double(), torch.stack(drawn).double()
        assert (found.shape, mine[name][0].dtype) == (known.shape, drawn[0].dtype), name
        spread = float(known.std(unbiased=False))
        noise = SIGMAS * spread * math.sqrt(2.0 / known.numel())
        assert abs(float(found.mean() - known.mean())) <= noise, name
        assert abs(float(found.std(unbiased=False)) - spread) <= noise, name
        assert (found == 0).all() == (known == 0).all(), name
        assert (found[0] != found[1]).any() or (known == 0).all(), name


def test_it_loads_without_a_word(tmp_path: Path) -> None:
    """A warning of peft about missing keys would be an error here."""
    recipe = derived("llama", CASES["all linear layers, B drawn"][1])
    (tmp_path / "adapter_model.safetensors").write_bytes(ours(recipe, 3))
    (tmp_path / "adapter_config.json").write_text(json.dumps(recipe["adapter_config"]))
    loaded = peft.PeftModel.from_pretrained(model("llama"), tmp_path)
    state = peft.get_peft_model_state_dict(loaded, save_embedding_layers=False)
    stored = load_file(tmp_path / "adapter_model.safetensors")
    assert state.keys() == stored.keys()
    assert all(state[name].equal(tensor) for name, tensor in stored.items())


def test_it_is_a_recipe() -> None:
    document = derived("llama", adapter())
    recipe = read_recipe(json.dumps(document).encode(), "derived")
    (part,) = recipe.sets
    assert (part.config_name, part.weights_name) == ("adapter_config.json", "adapter_model.safetensors")
    assert document["id"] == "local/base-lora"


@pytest.mark.parametrize(
    ("changes", "pointer", "told"),
    [
        ({BASE: "tests/other"}, f"/{BASE}", "there is none called tests/other"),
        ({BASE: None}, f"/{BASE}", "there is none called None"),
        ({"peft_type": "IA3"}, "/peft_type", "must be LORA"),
        ({"r": 0}, "/r", "from 1 to 65,536"),
        ({"r": "4"}, "/r", "must be an integer"),
        ({"r": 4.5}, "/r", "must be an integer"),
        ({"bias": "foo"}, "/bias", "must be none"),
        ({"bias": "all"}, "/bias", "a copy of weights of the base"),
        ({"rank_pattern": [1]}, "/rank_pattern", "must be an object of ranks"),
        ({"rank_pattern": {"((": 1}}, "/rank_pattern/((", "no valid regular expression"),
        ({"layers_pattern": "(("}, "/layers_pattern", "no valid regular expression"),
        ({"arrow_config": {"x": 1}}, "/arrow_config", "variant"),
        ({"runtime_config": {"x": 1}}, "/runtime_config", "variant"),
        ({"task_type": "FOO"}, "/task_type", "must be one of CAUSAL_LM"),
        ({"task_type": "SEQ_CLS"}, "/task_type", "a copy of weights of the base"),
        ({"target_modules": 5}, "/target_modules", "a name of modules"),
        ({"target_modules": "(.*)*proj"}, "/target_modules", "is not repeated here"),
        ({"modules_to_save": ["lm_head"]}, "/modules_to_save", "the base's own numbers"),
        ({"trainable_token_indices": [1]}, "/trainable_token_indices", "the base's own numbers"),
        ({"target_parameters": ["x"]}, "/target_parameters", "target_modules"),
        ({"layer_replication": [[0, 1]]}, "/layer_replication", "leave it out"),
        ({"init_lora_weights": "orthogonal"}, "/init_lora_weights", "give true, false or gaussian"),
        ({"layers_pattern": "layers"}, "/layers_pattern", "is at fault"),
        ({"r": 100_000}, "/r", "at most 65,536"),
        ({"rank_pattern": {"q_proj": 100_000}}, "/rank_pattern/q_proj", "at most 65,536"),
        ({"target_modules": ["nothing"]}, "/target_modules", "no module of the base"),
        ({"target_modules": "(("}, "/target_modules", "no valid regular expression"),
        ({"init_lora_weights": "pissa"}, "/init_lora_weights", "from the base's weights"),
        ({"use_dora": True}, "/use_dora", "norms"),
        ({"surplus": 1}, "/surplus", "peft has no surplus"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], pointer: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        derived("llama", adapter(**changes))
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
    assert told in caught.value.faults[0].detail


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        (r".*layers\.0\..*(q|k|v|o)_proj", True),
        (r"^(?!.*vision).*(?:self_attn|mlp).*\.(?:(?:q|k)_proj|[)*+]x?)$", True),
        (r"model\.layers\.\d{1,3}\.mlp(\.up)?", True),
        ("(a*)*b", False),
        ("((?:a|a))+b", False),
        ("([a]b?){9}", False),
        ("a?" * 22, True),
        ("a?" * 23, False),
        ("(a|b)" * 25, True),
        ("(a|[ab])" * 22, True),
        ("(a|[ab])" * 23, False),
        ("(a|a?b)" * 12, False),
        ("(?i)" + "(a|A)" * 22, False),
        ("(.|.|.|.|.|.|.|.)" * 7, True),
        ("(.|.|.|.|.|.|.|.)" * 20 + "x", False),
        ("(?:|||||||||||||||||)" * 4, True),
        ("(?:|||||||||||||||||)" * 24 + "x", False),
        ("|".join(["(.|..)" * 20] * 8), False),
        ("(?#[)(a*)*b(?#])", False),
        ("(?x)#[\n(a*)*b#]", False),
        (r"\(?#x", True),
        (".*.*.*.*" + "(.|.)" * 5, False),
        (".*" * 4, True),
        (".*" * 5, False),
        (".*a.*(?:b.*|c.*d.*)", True),
        (".*a.*(?:b.*|c.*d.*)e.*", False),
        (f"({'|'.join(['.*x.*'] * 9)})", True),
        (UNSLOTH, True),
        ("[", False),
        ("a" * 1_025, False),
    ],
)
def test_expressions_that_take_long_are_refused(text: str, is_valid: bool) -> None:
    with nullcontext() if is_valid else pytest.raises(ExpressionError):
        doublings_of(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"target_modules": "(.|..)" * 21, "exclude_modules": "(.|..)" * 22},
        {"rank_pattern": {"(.|..)" * 15 + str(n): 4 for n in range(17)}},
        {
            "rank_pattern": {"(.|..)" * 12 + str(n): 4 for n in range(65)},
            "alpha_pattern": {"(.|..)" * 12 + str(n): 4 for n in range(65)},
        },
    ],
)
def test_expressions_are_bounded_together(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="too many ways to match together") as caught:
        check_adapter({"adapter_config": adapter(**fields), "base_config": FAMILIES["llama"]})
    assert [fault.pointer for fault in caught.value.faults] == [f"/{[*fields][-1]}"]


def test_many_names_with_ranks_of_their_own() -> None:
    ranks = {rf"layers\.{n}\..*_proj": 4 for n in range(256)}
    check_adapter({"adapter_config": adapter(rank_pattern=ranks), "base_config": FAMILIES["llama"]})


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ({"adapter_config": {}}, "an adapter itself"),
        ({"components": ["unet"]}, "a pipeline"),
        ({"_class_name": "AutoencoderKL"}, "a model of diffusers"),
    ],
)
def test_a_base_of_another_kind(base: dict[str, Any], kind: str) -> None:
    with pytest.raises(ConfigError, match=f"tests/base is {kind}, and .* name one, such as") as caught:
        with_base(adapter(), lambda _: base)
    assert caught.value.faults[0].pointer == f"/{BASE}"


def test_the_command_finds_the_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(adapter(**{BASE: "tensorseed/tiny-llama"})))
    (tmp_path / "base.json").write_text(json.dumps(FAMILIES["llama"]))

    def invoke(*options: str) -> dict[str, Any]:
        invoked = CliRunner().invoke(main, ["recipe", str(tmp_path / "adapter_config.json"), *options])
        assert invoked.exit_code == 0, invoked.output
        return dict(json.loads(invoked.stdout))

    shipped, own = invoke(), invoke("--base", str(tmp_path / "base.json"), "--id", "me/lora")
    assert shipped["weights"]["layers"][0]["shape"] == [4, 64]
    assert own["weights"] == derived("llama", adapter())["weights"]
    assert own["id"] == "me/lora"


def test_a_part_of_a_models_config_makes_it_no_adapter() -> None:
    """Molmo 2 calls the projector of its images so."""
    assert not is_adapter({"model_type": "molmo2", "adapter_config": {"hidden_size": 8}})
    assert is_adapter({"adapter_config": {}, "base_config": {}})
