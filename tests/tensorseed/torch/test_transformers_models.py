"""Inits of transformers models against the recipes of their configs."""

from __future__ import annotations

import copy
import json
import logging
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard
from torch.optim.swa_utils import AveragedModel
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import LlamaModel, initialization

import tensorseed.torch as ts
from tensorseed import spec_of
from tensorseed.checkpoints.derivation import building, derive, in_memory
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.library import Library, shipped
from tensorseed.errors import ModuleError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec
from tensorseed.torch.transformers_models import ModelInits, is_pretrained, model_class, model_inits
from tests.tensorseed.checkpoints.derivation.families import FAMILIES
from tests.tensorseed.checkpoints.shipped.conftest import SHARD_BYTES, TINY, write

FUSED = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
"""What transformers fuses in memory, below a layer: a recipe draws the parts."""

RENAMED = {"tiny-mixtral", "tiny-vit"}  # have other names in published checkpoints
FULLER = {"tiny-bert"}  # have tensors that the class of the config lacks
FUSING = {"tiny-deepseek-v3", "tiny-mixtral", "tiny-qwen3-moe"}

LLAMA = FAMILIES["llama"] | {"dtype": "float32"}


def recipe(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((shipped() / f"{name}.json").read_bytes())
    return document


def made(config: dict[str, Any], device: str = "meta", **changes: Any) -> Any:
    """The model of a config.json, as AutoModel.from_config makes it."""
    found = config_of({**config, **changes})
    with torch.device(device):
        return class_of(config, found)._from_config(found)


def named(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def inits(model: Any, prefix: str = "") -> ModelInits:
    return model_inits(model, named(model), prefix)


def resolved(spec: dict[str, Any]) -> ResolvedSpec:
    return parse_spec(json.dumps(spec).encode(), Limits())


def spec_with(entries: dict[str, Any]) -> dict[str, Any]:
    return {"layers": [{"name": name, **entry} for name, entry in entries.items()]}


def drawn_by(spec: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The file of a spec."""
    file = open_file(resolved(spec))
    return load(file.read(0, file.size).tobytes())


@pytest.mark.parametrize("name", TINY)
def test_a_model_equals_its_recipe(name: str, tmp_path: Path) -> None:
    """Tensor by tensor in memory: the recipe's files as transformers loads them."""
    document = recipe(name)
    model = made(document["config"])
    spec = spec_of(model, seed=42)
    model.to_empty(device="cpu")  # tied tensors are several from here on
    report = ts.init_(model, seed=42)
    library = Library([shipped()], Limits(), SHARD_BYTES)
    folder = write(library.repository(f"tensorseed/{name}").snapshot("seed-42"), tmp_path)
    loaded = type(model).from_pretrained(folder)
    ours, theirs = model.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    differing = {key for key in ours if not torch.equal(ours[key], theirs[key].to(ours[key].dtype))}
    assert differing == {key for key in ours if key.endswith(FUSED)}
    assert bool(differing) == (name in FUSING)
    buffers = dict(loaded.named_buffers())
    assert all(torch.equal(buffer, buffers[key]) for key, buffer in model.named_buffers())
    assert not report.left
    if name not in RENAMED | FUSING | FULLER:
        assert resolved(spec).recipe == resolved({"seed": 42, **document["weights"]}).recipe
    file = drawn_by(spec)
    assert all(torch.equal(file[key], ours[key]) for key in file)


def test_a_name_of_checkpoints_keys_the_draw() -> None:
    layers = spec_of(made(recipe("tiny-vit")["config"]))["layers"]
    streams = {entry["name"]: entry.get("stream") for entry in layers}
    published = "vit.encoder.layer.1.attention.attention.query.weight"
    assert streams["vit.layers.1.attention.q_proj.weight"] == published
    assert streams["classifier.weight"] is None


class TestSharded:
    """A model under fully_shard, whose class it replaces."""

    @pytest.fixture(params=[0, 1])
    def rank(self, request: pytest.FixtureRequest) -> Iterator[int]:
        store = FakeStore()
        torch.distributed.init_process_group("fake", rank=request.param, world_size=2, store=store)
        yield request.param
        torch.distributed.destroy_process_group()

    @pytest.mark.parametrize("tied", [True, False])
    def test_each_process_has_its_rows(self, rank: int, tied: bool) -> None:
        whole = made(LLAMA, "cpu", tie_word_embeddings=tied)
        ts.init_(whole, seed=1)
        model = made(LLAMA, tie_word_embeddings=tied)
        # torch keeps meshes of one process by name, and here one process is each rank
        mesh = init_device_mesh("cpu", (2,), mesh_dim_names=(f"rank_{rank}",))
        for layer in model.model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        assert type(model) is not type(whole)
        assert model_class(model) is type(whole)
        model.to_empty(device="cpu")
        ts.init_(model, seed=1)
        expected = whole.state_dict()
        for name, shard in model.state_dict().items():
            assert torch.equal(shard.to_local(), expected[name].chunk(2)[rank]), name
        assert torch.equal(model.model.rotary_emb.inv_freq, whole.model.rotary_emb.inv_freq)
        assert spec_of(model) == spec_of(whole)


def compiled(model: torch.nn.Module) -> Any:
    return torch.compile(model, backend="eager")


@pytest.mark.parametrize("wrap", [compiled, torch.nn.DataParallel, AveragedModel])
def test_wrapped_models(wrap: Callable[[torch.nn.Module], Any]) -> None:
    model = made(LLAMA, "cpu")
    expected = spec_of(model)
    assert spec_of(wrap(model)) == expected


def test_a_model_and_a_layer_in_a_module() -> None:
    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = made(LLAMA, "cpu").model
            self.head = torch.nn.Linear(64, 3)

    module = Classifier()
    module.backbone.rotary_emb.inv_freq.fill_(torch.nan)
    report = ts.init_(module, seed=1)
    by = {row.name: row.by for row in report}
    assert by["backbone.embed_tokens.weight"] == "default of LlamaModel"
    assert by["head.weight"] == "default of Linear"
    assert module.backbone.rotary_emb.inv_freq.isfinite().all()
    assert [*report.computed] == ["backbone.rotary_emb.inv_freq", "backbone.rotary_emb.original_inv_freq"]
    kinds = {entry["name"]: entry["type"] for entry in spec_of(module)["layers"]}
    assert (kinds["head"], kinds["backbone.norm.weight"]) == ("Linear", "Tensor")


def test_rules_come_first() -> None:
    model = made(LLAMA, "cpu")
    report = ts.init_(model, rules=[{"match": "lm_head.weight", "init": "zeros"}])
    assert not model.lm_head.weight.any()
    assert {row.by for row in report} == {"rule 0", "default of LlamaForCausalLM"}


def test_what_the_config_does_not_know_needs_a_rule() -> None:
    model = made(LLAMA, "cpu")
    model.score = torch.nn.Linear(64, 2)
    before = model.lm_head.weight.clone()
    with pytest.raises(ModuleError, match=r"score\.\S+.* the model of its config has no such tensor"):
        ts.init_(model)
    assert torch.equal(model.lm_head.weight, before)
    ts.init_(model, rules=[{"match": "score.*", "init": "zeros"}])
    assert not model.score.weight.any()


def test_a_spec_gives_the_parameters_and_the_model_its_buffers() -> None:
    model = made(recipe("tiny-llama")["config"]).to_empty(device="cpu")
    report = ts.init_(model, spec="tensorseed/tiny-llama")
    assert {row.by for row in report} == {"spec"}
    assert model.model.rotary_emb.inv_freq[0] == 1


@pytest.mark.parametrize("bound", ["MAX_KNOWN_ELEMENTS", "MAX_KNOWN_TOTAL"])
def test_causal_masks(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"model_type": "gpt_neo", "architectures": ["GPTNeoModel"], "hidden_size": 8, "num_heads": 2}
    config |= {"bos_token_id": 0, "eos_token_id": 0}
    layers = {"num_layers": 4, "attention_types": [[["global"], 4]], "max_position_embeddings": 32}
    model = made(config, vocab_size=9, **layers).to_empty(device="cpu")
    in_memory._CACHE.clear()
    monkeypatch.setattr(in_memory, bound, 1_000)
    names = [f"h.{layer}.attn.attention.bias" for layer in range(4)]
    assert [*ts.init_(model).left] == names
    monkeypatch.undo()
    in_memory._CACHE.clear()
    report = ts.init_(model)
    assert [*report.computed] == names
    for layer in model.h:
        assert torch.equal(layer.attn.attention.bias[0, 0], torch.ones(32, 32, dtype=torch.bool).tril())


def test_buffers_in_the_dtype_of_the_model() -> None:
    model = made(LLAMA).to(torch.bfloat16).to_empty(device="cpu")
    expected = made(LLAMA, "cpu").model.rotary_emb.inv_freq.to(torch.bfloat16)
    ts.init_(model)
    assert torch.equal(model.model.rotary_emb.inv_freq, expected)


def test_a_buffer_that_is_on_meta_alone() -> None:
    model = made(LLAMA, "cpu")
    model.model.rotary_emb.inv_freq = torch.empty_like(model.model.rotary_emb.inv_freq, device="meta")
    ts.init_(model)
    assert torch.equal(model.model.rotary_emb.inv_freq, model.model.rotary_emb.original_inv_freq)


def test_a_buffer_that_is_a_dtensor() -> None:
    torch.distributed.init_process_group("fake", rank=1, world_size=2, store=FakeStore())
    try:
        mesh = init_device_mesh("cpu", (2,), mesh_dim_names=("rank_1",))
        model = made(LLAMA, "cpu")
        expected = model.model.rotary_emb.inv_freq
        empty = torch.zeros_like(expected)
        model.model.rotary_emb.inv_freq = DTensor.from_local(empty[:4], mesh, [Shard(0)])
        ts.init_(model)
        assert torch.equal(model.model.rotary_emb.inv_freq.to_local(), expected[4:])
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("family", ["whisper", "clip", "deepseek_v3"])
def test_a_model_in_another_dtype(family: str, dtype: torch.dtype) -> None:
    """As the recipe of a config with that dtype, where names agree."""
    kind = str(dtype).removeprefix("torch.")
    config = FAMILIES[family] | ({"max_source_positions": 80} if family == "whisper" else {})
    found = inits(made(config, dtype="float32").to(dtype))
    weights = derive(config | {"dtype": kind})["weights"]
    theirs = {part.name: part for part in resolved(weights).tensors}
    ours = {part.name: part for part in resolved(spec_with(found.entries)).tensors}
    common = {key for key in ours.keys() & theirs.keys() if "score_correction" not in key}
    assert {key: ours[key] for key in common} == {key: theirs[key] for key in common}
    assert {ours[key].dtype.name for key in common} == {kind}
    assert common >= {key for key in ours if not key.endswith((*FUSED, "score_correction_bias"))}


def test_a_tied_tensor_keeps_one_value_where_the_tie_is_lost() -> None:
    model = made(FAMILIES["t5"]).to_empty(device="cpu")  # which makes each name a tensor of its own
    assert model.lm_head.weight is not model.shared.weight
    found = inits(model).entries
    assert found["lm_head.weight"] == found["shared.weight"] | {"stream": "shared.weight"}
    ours = drawn_by(spec_with({key: found[key] for key in ("lm_head.weight", "shared.weight")}))
    assert torch.equal(ours["lm_head.weight"], ours["shared.weight"])


def test_a_model_inside_a_module() -> None:
    model = made(FAMILIES["t5"]).to_empty(device="cpu")
    inner, outer = inits(model).entries, inits(model, "net.backbone.").entries
    assert [*outer] == [f"net.backbone.{name}" for name in inner]
    assert outer["net.backbone.lm_head.weight"]["stream"] == "net.backbone.shared.weight"


class TestChanges:
    """Models that are not what their config says."""

    def test_other_rows(self) -> None:
        model = made(LLAMA)
        model.model.embed_tokens = torch.nn.Embedding(40, 64, device="meta")
        model.lm_head = torch.nn.Linear(64, 7, device="meta")
        found = inits(model)
        assert found.entries["model.embed_tokens.weight"] == {
            "type": "Tensor",
            "shape": [40, 64],
            "init": {"kind": "normal", "std": 0.02},
            "dtype": "float32",
        }
        assert found.entries["lm_head.weight"]["shape"] == [7, 64]
        assert found.unknown == {"lm_head.bias": "the model of its config has no such tensor"}

    def test_other_rows_of_a_tied_table(self) -> None:
        model = made(LLAMA, tie_word_embeddings=True)
        model.lm_head = torch.nn.Linear(64, 7, bias=False, device="meta")
        assert "stream" not in inits(model).entries["lm_head.weight"]

    def test_a_row_of_zeros_that_is_gone(self) -> None:
        model = made(LLAMA, pad_token_id=20)
        model.model.embed_tokens = torch.nn.Embedding(20, 64, device="meta")
        assert "its shape is [20, 64]" in inits(model).unknown["model.embed_tokens.weight"]

    def test_resized_by_transformers(self) -> None:
        model = made(LLAMA, device="cpu")
        model.resize_token_embeddings(520, mean_resizing=False)
        found = inits(model)
        assert found.entries["model.embed_tokens.weight"]["shape"] == [520, 64]
        assert not found.unknown

    def test_other_columns(self) -> None:
        model = made(LLAMA)
        model.model.layers[1].mlp.up_proj = torch.nn.Linear(32, 128, bias=False, device="meta")
        assert inits(model).unknown == {
            "model.layers.1.mlp.up_proj.weight": "its shape is [128, 32], and [128, 64] in the model of its "
            "config"
        }

    def test_an_init_that_depends_on_the_shape(self) -> None:
        model = made(FAMILIES["resnet"])
        convolution = model.resnet.embedder.embedder.convolution
        convolution.weight = torch.nn.Parameter(torch.empty(8, *convolution.weight.shape[1:], device="meta"))
        assert [*inits(model).unknown] == ["resnet.embedder.embedder.convolution.weight"]

    def test_an_adapter(self) -> None:
        class Adapter(torch.nn.Module):
            def __init__(self, base: torch.nn.Module) -> None:
                super().__init__()
                self.base = base
                self.low = torch.nn.Linear(64, 2, bias=False, device="meta")

        model = made(LLAMA)
        model.lm_head = Adapter(model.lm_head)
        assert {*inits(model).unknown} == {"lm_head.base.weight", "lm_head.low.weight"}

    def test_a_buffer_of_another_shape(self) -> None:
        model = made(LLAMA)
        model.model.rotary_emb.inv_freq = torch.empty(3, device="meta")
        found = inits(model)
        assert [*found.unknown] == ["model.rotary_emb.inv_freq"]
        assert [*found.buffers] == ["model.rotary_emb.original_inv_freq"]

    def test_a_quantised_tensor(self) -> None:
        model = made(LLAMA)
        model.lm_head.weight = torch.nn.Parameter(
            torch.empty(500, 64, dtype=torch.int8, device="meta"), requires_grad=False
        )
        (why,) = inits(model).unknown.values()
        assert why == "it is of torch.int8, and of torch.float32 in the model of its config"


def test_a_tensor_of_a_pattern() -> None:
    mamba = {"model_type": "mamba", "architectures": ["MambaModel"], "hidden_size": 32}
    found = inits(made(mamba, num_hidden_layers=1, vocab_size=50))
    bias = found.entries["layers.0.mixer.dt_proj.bias"]
    assert bias["init"] == {"kind": "inverse_softplus_log_uniform", "a": 0.001, "b": 0.1}
    assert not found.unknown


class Drawing(LlamaModel):  # type: ignore[misc]
    """A model whose constructor draws real numbers."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        noise = torch.rand(3, device="cpu")
        self.register_buffer("noise", torch.empty_like(noise).normal_(), persistent=False)


class Unbuildable(LlamaModel):  # type: ignore[misc]
    """A model that its config alone does not build."""

    def __init__(self, config: Any, width: int) -> None:
        super().__init__(config)
        self.more = torch.nn.Linear(width, width, device="meta")


def test_a_class_of_ones_own() -> None:
    with torch.device("meta"):
        found = inits(Drawing(config_of(LLAMA)))
    assert found.entries["noise"]["init"] == "normal"
    assert not found.unknown


def test_a_class_that_its_config_does_not_build() -> None:
    with torch.device("meta"):
        found = inits(Unbuildable(config_of(LLAMA), width=3))
    assert not found.entries
    why = found.unknown["more.weight"]
    assert why.startswith("Unbuildable cannot be built again from its config (TypeError")
    assert "'width'" in why


class TestProcess:
    """What a derivation leaves as it was."""

    def test_random_states_and_switches(self) -> None:
        def state() -> list[Any]:
            return [
                torch.get_rng_state().tolist(),
                str(np.random.get_state()),
                random.getstate(),
                torch.get_default_dtype(),
                torch.get_default_device(),
                logging.getLogger("transformers").level,
                [*warnings.filters],
                vars(torch.nn.init),
                vars(initialization),
                vars(np)["power"],
                config.to_dict(),
            ]

        with torch.device("meta"):
            config = config_of(LLAMA | {"attention_dropout": 0.125, "dtype": "bfloat16"})
            model = Drawing(config)
        before = [copy.copy(part) for part in state()]
        inits(model)
        assert state() == before

    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
    def test_defaults_of_the_caller(self, dtype: torch.dtype) -> None:
        model = made(FAMILIES["gemma"])
        expected = inits(model)
        in_memory._CACHE.clear()
        torch.set_default_dtype(dtype)
        try:
            with torch.device("meta"):
                found = inits(model)
        finally:
            torch.set_default_dtype(torch.float32)
        assert found.entries == expected.entries
        assert found.buffers.keys() == expected.buffers.keys()
        assert all(torch.equal(found.buffers[name], expected.buffers[name]) for name in found.buffers)

    def test_other_threads_draw_meanwhile(self) -> None:
        done, drawn = threading.Event(), []

        def draw() -> None:
            generator = torch.Generator().manual_seed(0)
            while not done.is_set():
                drawn.append(torch.nn.init.normal_(torch.empty(2), generator=generator))

        thread = threading.Thread(target=draw)
        thread.start()
        try:
            for layers in range(1, 4):
                inits(made(LLAMA, num_hidden_layers=layers))
        finally:
            done.set()
            thread.join()
        generator = torch.Generator().manual_seed(0)
        assert drawn
        for values in drawn:
            assert torch.equal(values, torch.empty(2).normal_(generator=generator))

    def test_threads_derive_at_once(self) -> None:
        models = [made(LLAMA, hidden_act=act) for act in ("relu", "gelu", "relu", "gelu", "silu")]
        level = logging.getLogger("transformers").level
        with ThreadPoolExecutor(5) as pool:
            found = [*pool.map(inits, models)]
        assert all(one.entries == found[0].entries for one in found)
        assert logging.getLogger("transformers").level == level

    def test_transformers_is_not_imported_for_other_modules(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = made(LLAMA)
        assert is_pretrained(model)
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            monkeypatch.delitem(sys.modules, name)
        assert not is_pretrained(torch.nn.Linear(2, 3))
        assert not any(name.partition(".")[0] == "transformers" for name in sys.modules)


def test_inits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory._CACHE.clear()
    built: list[Any] = []

    def build(*arguments: Any) -> Any:
        built.append(arguments)
        return building.build(*arguments)

    monkeypatch.setattr(in_memory, "build", build)
    first, second = inits(made(LLAMA)), inits(made(LLAMA))
    assert first.entries == second.entries
    assert len(built) == 1
    inits(made(LLAMA, vocab_size=30))
    inits(made(LLAMA).to(torch.float16))
    assert len(built) == 3
    assert 0 < in_memory._CACHE.currsize < in_memory.CACHE_BYTES
    monkeypatch.setattr(in_memory, "CACHE_BYTES", 1)
    inits(made(LLAMA, vocab_size=31))
    inits(made(LLAMA, vocab_size=31))
    assert len(built) == 5
