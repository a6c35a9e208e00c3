"""Tiny repositories under transformers: complete, and untrained."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import transformers
from safetensors.torch import load_file

from tensorseed.checkpoints.library import Library
from tests.tensorseed.checkpoints.recipes import published_bert, repository
from tests.tensorseed.checkpoints.shipped.conftest import TINY, write

CLASSES = {
    "GPT2LMHeadModel": "AutoModelForCausalLM",
    "CLIPModel": "AutoModel",
    "T5ForConditionalGeneration": "AutoModelForSeq2SeqLM",
    "ViTForImageClassification": "AutoModelForImageClassification",
    "WhisperForConditionalGeneration": "AutoModelForSpeechSeq2Seq",
}
BEYOND = {
    "bert": {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    }
}
"""What a published file holds beyond the class that its config names."""
LOSSLESS = ("ForCausalLM", "LMHeadModel", "ForMaskedLM")


class Loaded(NamedTuple):
    """A repository on disk and the model that transformers makes of it."""

    folder: Path
    config: dict[str, Any]
    model: Any
    info: dict[str, Any]

    @property
    def architecture(self) -> str:
        return str(self.config["architectures"][0])


def load(folder: Path) -> Loaded:
    config = json.loads((folder / "config.json").read_text())
    architecture = config["architectures"][0]
    auto = getattr(
        transformers, CLASSES.get(architecture, f"AutoModel{architecture[architecture.find('For') :]}")
    )
    model, info = auto.from_pretrained(folder, output_loading_info=True)
    return Loaded(folder, config, model.eval(), info)


@pytest.fixture(scope="module", params=TINY)
def loaded(
    request: pytest.FixtureRequest, library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Loaded:
    snapshot = library.repository(f"tensorseed/{request.param}").snapshot("main")
    return load(write(snapshot, tmp_path_factory.mktemp(request.param)))


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {name: t for path in sorted(folder.glob("*.safetensors")) for name, t in load_file(path).items()}


def test_no_key_is_missing_or_left_over(loaded: Loaded) -> None:
    assert type(loaded.model).__name__ == loaded.architecture
    beyond = BEYOND.get(loaded.config["model_type"], set())
    assert {key: value for key, value in loaded.info.items() if value} == (
        {"unexpected_keys": beyond} if beyond else {}
    )


def test_its_state_is_the_file_tensor_by_tensor(loaded: Loaded, tmp_path: Path) -> None:
    """Saved again, since the names and shapes in memory may be others."""
    loaded.model.save_pretrained(tmp_path)
    ours, theirs = tensors(loaded.folder), tensors(tmp_path)
    assert set(ours) - set(theirs) == BEYOND.get(loaded.config["model_type"], set())
    for name in theirs:
        tensor = ours[name]
        assert tensor.dtype == theirs[name].dtype, name
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("name", ["tensorseed/tiny-bert", "tests/bert"])
def test_bert_is_the_published_file(name: str, library: Library, tmp_path: Path) -> None:
    """By the names of today, and by those of the first published files."""
    found = library.repository(name) if name in library.ids() else repository(**published_bert(name))
    folder = write(found.snapshot("main"), tmp_path)
    model, info = transformers.AutoModelForPreTraining.from_pretrained(folder, output_loading_info=True)
    assert type(model).__name__ == "BertForPreTraining"
    assert not any(info.values())
    _, info = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert all(name.startswith("cls.") for name in info["unexpected_keys"])


def test_its_dtype_is_the_configs(loaded: Loaded) -> None:
    named = loaded.config.get("dtype", loaded.config.get("torch_dtype", "float32"))
    assert loaded.model.dtype == getattr(torch, named)


@pytest.mark.parametrize(
    ("name", "dtype", "built"),
    [("clip", "float16", "float16"), ("llama", "float64", "float64"), ("llama", "float8_e5m2", "bfloat16")],
)
def test_another_dtype_is_that_of_the_whole_model(
    name: str, dtype: str, built: str, library: Library, tmp_path: Path
) -> None:
    found = load(write(library.repository(f"tensorseed/tiny-{name}").snapshot(f"dtype={dtype}"), tmp_path))
    assert {key: value for key, value in found.info.items() if value} == {}
    assert {parameter.dtype for parameter in found.model.parameters()} == {getattr(torch, built)}


def test_random_tokens_cost_the_logarithm_of_the_vocabulary(loaded: Loaded) -> None:
    if not loaded.architecture.endswith(LOSSLESS):
        pytest.skip("not a model of a language alone")
    size = loaded.config["vocab_size"]
    inputs, targets = torch.randint(3, size, (2, 4, 96), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = loaded.model.float()(input_ids=inputs).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(size), rel=0.02)


def test_random_tokens_cost_whisper_as_much(loaded: Loaded) -> None:
    if loaded.config["model_type"] != "whisper":
        pytest.skip("not Whisper")
    generator = torch.Generator().manual_seed(0)
    size, frames = loaded.config["vocab_size"], 2 * loaded.config["max_source_positions"]
    inputs, targets = torch.randint(3, size, (2, 4, 30), generator=generator)
    sound = torch.randn(4, loaded.config["num_mel_bins"], frames, generator=generator)
    with torch.no_grad():
        logits = loaded.model.float()(input_features=sound, decoder_input_ids=inputs).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(size), rel=0.02)


def test_random_tokens_cost_t5_half_a_nat_more(loaded: Loaded) -> None:
    """Its embedding has a deviation of 1, so that logits have a variance of 1: E log Σ exp is ln n + 1/2."""
    if loaded.config["model_type"] != "t5":
        pytest.skip("not T5")
    size = loaded.config["vocab_size"]
    inputs, targets = torch.randint(3, size, (2, 8, 96), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = loaded.model.float()(input_ids=inputs, decoder_input_ids=inputs).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(size) + 0.5, rel=0.02)


def test_every_expert_gets_its_share_of_random_tokens(loaded: Loaded) -> None:
    """Equal over all seeds, since a router's rows are alike in distribution; of one, within twofold."""
    if loaded.config["model_type"] not in {"mixtral", "qwen3_moe"}:
        pytest.skip("not a mixture of experts with a softmax router")
    chosen, experts = loaded.config["num_experts_per_tok"], loaded.model.config.num_local_experts
    inputs = torch.randint(
        3, loaded.config["vocab_size"], (4, 256), generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        layers = loaded.model.float()(input_ids=inputs, output_router_logits=True).router_logits
    for logits in layers:  # (tokens, experts)
        counts = torch.bincount(logits.topk(chosen).indices.flatten(), minlength=experts)
        shares = counts / counts.sum() * experts
        assert 0.5 < shares.min() <= shares.max() < 2.0


@pytest.mark.parametrize("name", TINY)
def test_seeds_differ_and_repeat(name: str, library: Library, tmp_path: Path) -> None:
    repository = library.repository(f"tensorseed/{name}")
    found = []
    for place, revision in enumerate(("seed-1", "seed-2", "seed=1")):
        folder = tmp_path / str(place)
        folder.mkdir()
        found.append(tensors(write(repository.snapshot(revision), folder)))
    one, two, again = found
    assert all(torch.equal(one[key], again[key]) for key in again)
    drawn = [key for key in one if one[key].float().unique().numel() > 2]
    assert drawn
    assert not any(torch.equal(one[key], two[key]) for key in drawn if "embed_positions" not in key)


def test_one_has_several_shards(library: Library) -> None:
    paths = [file.path for file in library.repository("tensorseed/tiny-llama-sharded").snapshot("main").files]
    assert sum(path.endswith(".safetensors") for path in paths) > 2
    assert "model.safetensors.index.json" in paths
