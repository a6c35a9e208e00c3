"""Derived recipes against diffusers: tensors, distributions, pipelines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load

from tensorseed.__main__ import main
from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.from_config import derivation_of
from tensorseed.checkpoints.layout import state_dict_order
from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.derivation.test_command import QUIET

diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")

SEEDS = 8
SIGMAS = 6.0


def parts(name: str) -> dict[str, Any]:
    components = json.loads((shipped() / f"{name}.json").read_text())["components"]
    return {folder: part["config"] for folder, part in components.items()}


MODELS = {
    "unet": parts("tiny-stable-diffusion")["unet"],
    "vae": parts("tiny-stable-diffusion")["vae"],
    "flux": parts("tiny-flux")["transformer"],
    "sd3": {  # with a table of positions
        "_class_name": "SD3Transformer2DModel",
        "sample_size": 8,
        "num_layers": 1,
        "attention_head_dim": 8,
        "num_attention_heads": 2,
        "joint_attention_dim": 16,
        "caption_projection_dim": 16,
        "pooled_projection_dim": 16,
        "pos_embed_max_size": 8,
    },
}


def ours(weights: dict[str, Any], seed: int) -> bytes:
    file = open_file(parse_spec(json.dumps({**weights, "seed": seed}).encode(), Limits()))
    return file.read(0, file.size).tobytes()


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_has_the_tensors_and_distributions_of_its_class(kind: str, tmp_path: Path) -> None:
    """Moments of every tensor over eight seeds, against as many models of diffusers' own."""
    config = MODELS[kind]
    recipe = derive(config)
    cls = getattr(diffusers, config["_class_name"])
    theirs: dict[str, list[torch.Tensor]] = {}
    mine: dict[str, list[torch.Tensor]] = {}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        for name, tensor in cls.from_config(config).state_dict().items():
            theirs.setdefault(name, []).append(tensor)
        for name, tensor in load(ours(recipe["weights"], seed)).items():
            mine.setdefault(name, []).append(tensor)
    assert state_dict_order(recipe["weights"]["layers"], Limits()) == list(theirs)
    for name, drawn in theirs.items():
        found, known = torch.stack(mine[name]).double(), torch.stack(drawn).double()
        assert (found.shape, mine[name][0].dtype) == (known.shape, drawn[0].dtype), name
        spread, count = float(known.std(unbiased=False)), known.numel()
        noise = SIGMAS * spread * math.sqrt(2.0 / count) + 1e-6
        assert abs(float(found.mean() - known.mean())) <= noise, name
        assert abs(float(found.std(unbiased=False)) - spread) <= noise, name
        if float((known[0] - known[1]).abs().max()) == 0:  # not drawn
            assert torch.allclose(found, known, rtol=0, atol=1e-5), name
        elif count > 2_000:  # the fourth moment tells uniform from normal
            assert kurtosis(found) == pytest.approx(kurtosis(known), abs=0.3), name
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(ours(recipe["weights"], 0))
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, info = cls.from_pretrained(tmp_path, output_loading_info=True)
    assert {what: keys for what, keys in info.items() if keys} == {}


def kurtosis(tensor: torch.Tensor) -> float:
    central = tensor - tensor.mean()
    return float((central**4).mean() / (central**2).mean() ** 2)


def test_a_dtype_that_a_config_names(tmp_path: Path) -> None:
    config = MODELS["flux"] | {"torch_dtype": "bfloat16"}
    recipe = derive(config, "me/flux")
    assert recipe["weights"]["dtype"] == "bfloat16"
    assert recipe["weights"]["layers"] == derive(MODELS["flux"])["weights"]["layers"]
    assert not any("dtype" in entry for entry in recipe["weights"]["layers"])


@pytest.mark.parametrize(
    ("config", "pointer", "told"),
    [
        (MODELS["unet"] | {"model_type": "bert"}, "/model_type", "leave one of them out"),
        ({"_class_name": 3}, "/_class_name", "the name of a class of diffusers"),
        ({"_class_name": "UNet2DConditionalModel"}, "/_class_name", "did you mean UNet2DConditionModel"),
        ({"_class_name": "StableDiffusionPipeline"}, "/_class_name", "is a pipeline: name the folder"),
        ({"_class_name": "AutoModel"}, "/_class_name", "such as AutoencoderKL, "),
        ({"_class_name": "PNDMScheduler"}, "/_class_name", "model of diffusers"),
        (MODELS["unet"] | {"layers_per_block": 5_000}, "/layers_per_block", "at most 4,096"),
        (MODELS["unet"] | {"norm_num_groups": 7}, "/norm_num_groups", "diffusers cannot build this model"),
    ],
)
def test_configs_that_are_refused(config: dict[str, Any], pointer: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        derive(config)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
    assert told in caught.value.faults[0].detail


def pipeline(**changes: Any) -> dict[str, Any]:
    recipe = json.loads((shipped() / "tiny-stable-diffusion.json").read_text())
    scheduler = recipe["files"]["scheduler/scheduler_config.json"]
    configs = {
        "scheduler": scheduler,
        **{name: part["config"] for name, part in recipe["components"].items()},
    }
    return {"model_index": recipe["files"]["model_index.json"], "components": {**configs, **changes}}


def test_a_pipeline_of_a_document() -> None:
    document = pipeline()
    document["model_index"]["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    derived = derivation_of(document, "me/mine")
    assert [warning.pointer for warning in derived.warnings] == ["/model_index/safety_checker"]
    known = json.loads((shipped() / "tiny-stable-diffusion.json").read_text())
    assert derived.recipe["components"] == known["components"]
    for path in ("model_index.json", "scheduler/scheduler_config.json"):
        assert derived.recipe["files"][path] == known["files"][path]
    assert read_recipe(json.dumps(derived.recipe).encode(), "derived").id == "me/mine"


def without(name: str) -> dict[str, Any]:
    document = pipeline()
    del document["components"][name]
    return document


@pytest.mark.parametrize(
    ("document", "pointer", "told"),
    [
        ({"model_index": [], "components": {}}, "/model_index", "must be an object"),
        ({"model_index": {}, "components": []}, "/components", "must be an object of configs"),
        ({**pipeline(), "unet": {}}, "/unet", "a pipeline is"),
        ({"model_index": pipeline()["model_index"]}, "/components", "must be an object of configs"),
        (without("vae"), "/components/vae", "its config is missing"),
        (pipeline(controlnet={}), "/components/controlnet", "is not in model_index"),
        (pipeline(unet={}), "/components/unet/model_type", "model_type is required"),
        (pipeline(vae={"_class_name": "AutoEncoderKL"}), "/components/vae/_class_name", "AutoencoderKL"),
    ],
)
def test_pipelines_that_are_refused(document: dict[str, Any], pointer: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        derivation_of(document)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
    assert told in caught.value.faults[0].detail


def test_the_command_takes_the_folder_of_a_pipeline(tmp_path: Path) -> None:
    """With the texts of its tokenizer, and none of what is no text."""
    document = pipeline()
    texts = {"tokenizer/merges.txt": "#version: 0.2\n", "tokenizer/vocab.json": "{}"}
    files = {
        "model_index.json": document["model_index"],
        "tokenizer/spiece.model": "",
        "unet/a.bin": "",
    } | texts
    for name, config in document["components"].items():
        files[f"{name}/{'scheduler_config' if name == 'scheduler' else 'config'}.json"] = config
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content if isinstance(content, str) else json.dumps(content))
    known = json.loads((shipped() / "tiny-stable-diffusion.json").read_text())
    invoked = CliRunner(env=QUIET).invoke(main, ["recipe", str(tmp_path), "--id", "me/mine"])
    assert invoked.exit_code == 0, invoked.output
    recipe = json.loads(invoked.stdout)
    assert recipe["components"] == known["components"]
    assert {path: recipe["files"][path] for path in texts} == texts
    assert set(recipe["files"]) == {*texts, "model_index.json", "scheduler/scheduler_config.json"}
    index = str(tmp_path / "model_index.json")
    refused = CliRunner(env=QUIET).invoke(main, ["recipe", index, "--weights-only"])
    assert refused.exit_code == 2
    assert "several models" in refused.output
