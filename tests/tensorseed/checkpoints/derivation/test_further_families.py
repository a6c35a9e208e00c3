"""Further families against transformers, over eight seeds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

from tensorseed.checkpoints.derivation import derive, description
from tensorseed.checkpoints.derivation.building import silence
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of, with_vocabulary
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.derivation.further_families import FURTHER
from tests.tensorseed.checkpoints.derivation.test_from_config import read, write

SEEDS = range(8)
SIGMAS = 6.0

Drawn = dict[str, torch.Tensor]  # by name: (seeds, elements)


class Family(NamedTuple):
    """A family's recipe, the tensors of all seeds, and what transformers says of ours."""

    recipe: dict[str, Any]
    ours: Drawn
    theirs: Drawn
    outlines: tuple[dict[str, Any], dict[str, Any]]
    loading: dict[str, Any]


@pytest.fixture(scope="module", params=FURTHER)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    document = FURTHER[request.param]
    recipe = derive(document)
    config = config_of(document)
    cls = class_of(document, config)
    theirs, ours = [], []
    folder = tmp_path_factory.mktemp("ours")
    for seed in SEEDS:
        torch.manual_seed(seed)
        with silence():
            theirs.append(saved(cls._from_config(config)))
        write({**recipe, "weights": {**recipe["weights"], "seed": seed}}, folder)
        ours.append({name: part.clone() for name, part in read(folder).items()})  # the file is mapped
    with silence():
        _, loading = cls.from_pretrained(folder, output_loading_info=True)
    return Family(recipe, pooled(ours), pooled(theirs), (outline(ours[0]), outline(theirs[0])), loading)


def saved(model: Any) -> dict[str, torch.Tensor]:
    """The state dict as it is saved."""
    state = {name: part for name, part in model.state_dict().items() if isinstance(part, torch.Tensor)}
    for name in model._keys_to_ignore_on_save or ():
        state.pop(name, None)
    kept = remove_tied_weights_from_state_dict(state, model)
    return {name: part.detach().clone() for name, part in revert_weight_conversion(model, kept).items()}


def pooled(draws: list[dict[str, torch.Tensor]]) -> Drawn:
    return {name: torch.stack([one[name].double().flatten() for one in draws]) for name in draws[0]}


def outline(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def test_names_and_shapes(family: Family) -> None:
    ours, theirs = family.outlines
    assert ours == theirs


def test_it_loads_without_a_word(family: Family) -> None:
    assert {what: keys for what, keys in family.loading.items() if keys} == {}


def test_what_is_random_is_random_in_both(family: Family) -> None:
    for name, theirs in family.theirs.items():
        ours = family.ours[name]
        assert bool((ours == ours[:1]).all()) == bool((theirs == theirs[:1]).all()), name


def test_computed_numbers_are_equal(family: Family) -> None:
    for name, theirs in family.theirs.items():
        if bool((theirs == theirs[:1]).all()):
            assert torch.allclose(family.ours[name], theirs, rtol=1e-6, atol=1e-6), name


def test_means_and_deviations_agree(family: Family) -> None:
    """Within six standard errors of either, that of the log of the variance by the kurtosis.

    The log makes both directions alike: of 16 numbers, a ratio of variances has a long tail above one.
    """
    for name, theirs in family.theirs.items():
        ours = family.ours[name]
        assert abs(float(ours.mean() - theirs.mean())) <= SIGMAS * math.sqrt(
            2 * float(theirs.var(unbiased=False)) / theirs.numel()
        ) + 1e-9 * float(theirs.abs().max()), name
        first, second = (float(part.var(unbiased=False)) for part in (ours, theirs))
        if second > 0:
            fourth = float(((theirs - theirs.mean()) ** 4).mean()) / second**2
            error = math.sqrt(2 * max(fourth - 1, 0.1) / theirs.numel())
            assert abs(math.log(first / second)) <= SIGMAS * error, name


def test_extremes_agree(family: Family) -> None:
    """No element is far beyond the other's."""
    for name, theirs in family.theirs.items():
        ours = family.ours[name]
        low, high = float(theirs.min()), float(theirs.max())
        if theirs.numel() >= 512 and high > low:
            slack = 0.4 * (high - low)
            assert low - slack <= float(ours.min()), name
            assert float(ours.max()) <= high + slack, name


def test_magnitudes_are_the_norms_of_the_directions_beside_them(family: Family) -> None:
    shapes = family.outlines[0]
    for name in family.ours:
        if name.endswith(".original0"):
            beside = name[:-1] + "1"
            directions = family.ours[beside].reshape(len(SEEDS), *shapes[beside])
            axes = [axis + 1 for axis, size in enumerate(shapes[name]) if size == 1]
            norms = directions.square().sum(dim=axes).sqrt().reshape(len(SEEDS), -1)
            assert torch.allclose(family.ours[name], norms, rtol=1e-6, atol=0), name


def test_tables_of_published_sizes_have_a_slice_of_their_own() -> None:
    """Mamba's A_log, (1536, 16), has more numbers than a recipe writes out, and all rows are equal."""
    published = FURTHER["mamba"] | {"hidden_size": 768, "state_size": 16, "num_hidden_layers": 24}
    entries = {entry["name"]: entry for entry in derive(published)["weights"]["layers"]}
    init = entries["backbone.layers.{0..23}.mixer.A_log"]["init"]
    (part,) = init["parts"]
    assert (init["kind"], init["axis"], part["copies"]) == ("parts", 0, 1_536)
    assert part["init"]["data"][0] == pytest.approx([math.log(n) for n in range(1, 17)])


def test_it_is_a_recipe(family: Family) -> None:
    recipe = read_recipe(json.dumps(family.recipe).encode(), "derived")
    assert recipe.config in [with_vocabulary(config) for config in FURTHER.values()]


def test_a_shard_of_it_is_seekable(family: Family) -> None:
    file = open_file(parse_spec(json.dumps(family.recipe["weights"]).encode(), Limits()))
    whole = file.read(0, file.size).tobytes()
    for start in range(0, file.size, max(file.size // 7, 1)):
        assert file.read(start, min(start + 101, file.size)).tobytes() == whole[start : start + 101]


@pytest.mark.parametrize(("dtype", "relative"), [("float32", 2e-6), ("bfloat16", 0.3), ("float16", 0.05)])
def test_decays_of_minimax_by_their_formula(dtype: str, relative: float, tmp_path: Path) -> None:
    """Where they are too many to be written out; the dtype rounds the exponents of transformers."""
    document = {**FURTHER["minimax"], "block_size": 64, "dtype": dtype}
    theirs, ours = computed(document, tmp_path, "decay")
    inits = {entry["init"]["kind"] for entry in ours[0]["weights"]["layers"] if "_decay" in entry["name"]}
    assert inits == {"decay"}
    assert len(theirs) == 3
    for name, expected in theirs.items():
        torch.testing.assert_close(
            ours[1][name], expected, rtol=relative, atol=1e-7 if dtype == "float16" else 1e-38
        )


def test_decays_of_another_formula_are_not_taken_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.minimax.modeling_minimax import MiniMaxLightningAttention

    original = MiniMaxLightningAttention.decay_factors

    def slower(self: Any, slope_rate: torch.Tensor) -> Any:
        past, future, between = original(self, slope_rate)
        return past, future, between * 0.99

    monkeypatch.setattr(MiniMaxLightningAttention, "decay_factors", slower)
    with pytest.raises(ConfigError, match=r"diagonal_decay .* cannot be expressed"):
        derive({**FURTHER["minimax"], "block_size": 64})


def test_powers_of_rwkv_where_a_spec_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "Limits", lambda: Limits(values=1_000))
    document = {
        **FURTHER["rwkv"],
        "hidden_size": 128,
        "attention_hidden_size": 96,
        "num_hidden_layers": 3,
    }
    theirs, ours = computed(document, tmp_path, "time_")
    inits = [entry["init"] for entry in ours[0]["weights"]["layers"] if "time_" in entry["name"]]
    assert {init if isinstance(init, str) else init["kind"] for init in inits} == {"ones", "power"}
    assert {"kind": "power", "a": -5.0, "b": 3.0, "exponent": 1.35} in inits
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[1][name], expected, rtol=0, atol=4e-6)


def test_a_logarithm_of_a_uniform_from_zero_begins_at_its_least_draw() -> None:
    """OLMo Hybrid's, which is −∞ in one of 2²⁴ elements."""
    document = {
        "model_type": "olmo_hybrid",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": 64,
        "pad_token_id": 0,
        "layer_types": ["linear_attention", "full_attention"],
    }
    entries = {entry["name"]: entry for entry in derive(document)["weights"]["layers"]}
    init = entries["layers.0.linear_attn.A_log"]["init"]
    assert init == {"kind": "log_of_uniform", "a": 16.0 * 2.0**-24, "b": 16.0}


def test_sinusoids_with_a_row_of_zeros(tmp_path: Path) -> None:
    """FSMT's positions, whose padding has none."""
    document = {
        "model_type": "fsmt",
        "langs": ["en", "de"],
        "src_vocab_size": 32,
        "tgt_vocab_size": 32,
        "d_model": 16,
        "max_position_embeddings": 300,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_ffn_dim": 16,
        "decoder_ffn_dim": 16,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
    }
    theirs, ours = computed(document, tmp_path, "embed_positions")
    entries = [entry for entry in ours[0]["weights"]["layers"] if "embed_positions" in entry["name"]]
    assert {(entry["init"], entry["padding_idx"]) for entry in entries} == {("sinusoidal", 1)}
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[1][name], expected, rtol=0, atol=5e-5)


def test_parts_of_constants_are_written_out(tmp_path: Path) -> None:
    """The bases of Hunyuan 4's hyper-connections."""
    document = {
        "model_type": "hy_v4",
        "hidden_size": 32,
        "intermediate_size": 32,
        "moe_intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "vocab_size": 64,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    theirs, ours = computed(document, tmp_path, "hc_base")
    assert {len(one.unique()) for one in theirs.values()} == {2}
    assert all(ours[1][name].equal(expected) for name, expected in theirs.items())


def computed(
    document: dict[str, Any], folder: Path, part: str
) -> tuple[dict[str, torch.Tensor], tuple[dict[str, Any], dict[str, torch.Tensor]]]:
    """The tensors with `part` in their names: transformers', then the recipe with ours."""
    recipe = derive(document)
    config = config_of(document)
    with silence():
        theirs = saved(class_of(document, config)._from_config(config))
    write(recipe, folder)
    return {name: one for name, one in theirs.items() if part in name}, (recipe, read(folder))
