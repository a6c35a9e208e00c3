"""Recipes of several sets of weights: folders, files, seeds, shards."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import safetensors.torch

from tensorseed.checkpoints.errors import RecipeError, UnknownEntryError, UnknownRevisionError
from tensorseed.checkpoints.recipe import read_recipe
from tensorseed.checkpoints.repo_files import RepoFile, WeightsFile
from tensorseed.checkpoints.repository import Repository, RepositoryCaches
from tensorseed.checkpoints.snapshot import Folder
from tensorseed.checkpoints.weight_sets import MAX_COMPONENTS, component_seed
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.tensorseed.checkpoints.recipes import tensor

WEIGHTS = {"layers": [tensor("w.{0..2}", [8, 8]), tensor("b", [8], "zeros")]}
HALF = {"dtype": "float16", **WEIGHTS}


def pipeline(**changes: Any) -> dict[str, Any]:
    """A recipe of two components with tensors of equal names."""
    return {
        "id": "tests/pipeline",
        "files": {"model_index.json": {"_class_name": "StableDiffusionPipeline"}, "unet/notes.txt": ""},
        "components": {
            "vae": {"config": {"_class_name": "AutoencoderKL"}, "weights": WEIGHTS},
            "unet": {"config": {"_class_name": "UNet2DConditionModel"}, "weights": WEIGHTS},
            "text_encoder": {"config": {"model_type": "clip_text_model"}, "weights": HALF},
        },
        **changes,
    }


def opened(document: dict[str, Any]) -> Repository:
    recipe = read_recipe(json.dumps(document).encode(), "p.json")
    return Repository(recipe, Limits(), 5_000_000_000, RepositoryCaches.of(10_000))


def content(file: RepoFile) -> bytes:
    if file.text is not None:
        return file.text
    assert isinstance(file, WeightsFile)
    return file.weights.read(0, file.size).tobytes()


UNET, VAE = (f"{folder}/diffusion_pytorch_model.safetensors" for folder in ("unet", "vae"))
TEXT = "text_encoder/model.safetensors"


def test_each_component_has_a_folder_with_config_and_weights() -> None:
    snapshot = opened(pipeline()).snapshot("main")
    configs = [f"{folder}/config.json" for folder in ("text_encoder", "unet", "vae")]
    others = ["README.md", "model_index.json", "unet/notes.txt"]
    assert [file.path for file in snapshot.files] == sorted([*configs, *others, UNET, VAE, TEXT])
    assert json.loads(content(snapshot.file("vae/config.json"))) == {"_class_name": "AutoencoderKL"}
    assert snapshot.parameters == {"F32": 2 * 200, "F16": 200}
    folders = [entry.path for entry in snapshot.within("") if isinstance(entry, Folder)]
    assert folders == ["text_encoder", "unet", "vae"]


def test_equal_names_in_two_folders_have_other_numbers() -> None:
    snapshot = opened(pipeline()).snapshot("seed-5")
    one, other = (safetensors.torch.load(content(snapshot.file(path))) for path in (UNET, VAE))
    assert one.keys() == other.keys()
    assert not any(one[f"w.{n}"].equal(other[f"w.{m}"]) for n in range(3) for m in range(3))
    assert one["b"].equal(other["b"])


def test_a_file_is_that_of_the_spec_with_the_seed_of_its_folder() -> None:
    repository = opened(pipeline())
    digest = hashlib.sha256(b"tensorseed component v1\nunet\n5\n").digest()
    seed = int.from_bytes(digest[:8], "big")
    assert component_seed(5, "unet") == seed == 11842847935740004207
    expected = open_file(parse_spec(json.dumps({**WEIGHTS, "seed": str(seed)}).encode(), Limits()))
    found = content(repository.snapshot("seed-5").file(UNET))
    assert found == expected.read(0, expected.size).tobytes()
    whole = open_file(repository.resolved("seed-5", "unet"))
    assert whole.digest == expected.digest


def test_a_seed_is_shared_on_purpose() -> None:
    document = pipeline()
    document["components"]["vae"]["seed_from"] = "unet"
    document["components"]["text_encoder"]["seed_from"] = ""
    snapshot = opened(document).snapshot("seed-5")
    assert content(snapshot.file(UNET)) == content(snapshot.file(VAE))
    assert snapshot.file(UNET).oid == snapshot.file(VAE).oid
    plain = open_file(parse_spec(json.dumps({**HALF, "seed": 5}).encode(), Limits()))
    assert content(snapshot.file(TEXT)) == plain.read(0, plain.size).tobytes()


def test_a_dtype_is_that_of_all_sets() -> None:
    repository = opened(pipeline())
    snapshot = repository.snapshot("dtype=float16")
    assert snapshot.parameters == {"F16": 600}
    assert snapshot.commit != repository.snapshot("main").commit
    assert repository.snapshot(snapshot.commit).commit == snapshot.commit
    assert json.loads(content(snapshot.file("text_encoder/config.json")))["dtype"] == "float16"
    assert "dtype" not in json.loads(content(snapshot.file("unet/config.json")))
    for file in repository.snapshot("seed-18446744073709551615,dtype=bfloat16").files:
        assert len(content(file)) == file.size


def test_shards_and_an_index_lie_in_the_folder() -> None:
    document = pipeline(shard_bytes=300)
    document["components"]["unet"]["weights_name"] = "ema.safetensors"
    snapshot = opened(document).snapshot("seed-1")
    assert [file.path for file in snapshot.files if file.path.startswith("unet/ema")] == [
        *(f"unet/ema-{number:05d}-of-00003.safetensors" for number in (1, 2, 3)),
        "unet/ema.safetensors.index.json",
    ]
    index = json.loads(content(snapshot.file("unet/ema.safetensors.index.json")))
    assert index["weight_map"]["w.1"] == "ema-00002-of-00003.safetensors"
    assert index["metadata"] == {"total_parameters": 200, "total_size": 800}
    whole = opened(pipeline()).snapshot("seed-1")
    parts: dict[str, Any] = {}
    for file in snapshot.files:
        if file.path.startswith("unet/ema") and file.text is None:
            parts |= safetensors.torch.load(content(file))
    known = safetensors.torch.load(content(whole.file(UNET)))
    assert all(parts[name].equal(tensor) for name, tensor in known.items())


def test_a_component_beside_weights_at_the_top_changes_none_of_them() -> None:
    top = {"id": "tests/both", "config": {"model_type": "bert"}, "weights": WEIGHTS}
    alone = opened(top).snapshot("seed-3")
    both = opened({**top, "components": {"2_Dense": {"config": {}, "weights": WEIGHTS}}}).snapshot("seed-3")
    assert both.file("model.safetensors").oid == alone.file("model.safetensors").oid
    assert both.file("2_Dense/model.safetensors").oid != alone.file("model.safetensors").oid


def test_the_file_of_weights_has_another_name() -> None:
    document = {"id": "a", "config": {}, "weights": WEIGHTS, "weights_name": "consolidated.safetensors"}
    file = opened(document).snapshot("seed-3").file("consolidated.safetensors")
    del document["weights_name"]
    assert content(file) == content(opened(document).snapshot("seed-3").file("model.safetensors"))


def test_the_card_speaks_of_all_sets() -> None:
    card = (opened(pipeline()).snapshot("seed-2").file("README.md").text or b"").decode()
    assert "library_name: diffusers" in card
    assert "pipeline_tag: text-to-image" in card
    assert 'DiffusionPipeline.from_pretrained("tests/pipeline", revision="seed-2")' in card
    for row in ("| parameters | 600 |", "| tensors | 12 |", "| files of weights | 3 |"):
        assert row in card
    assert "| dtype | float16, float32 |" in card
    assert '| `{"kind":"normal"}` | 9 | 576 |' in card or "| 9 | 576 |" in card


def test_a_component_that_is_not_there() -> None:
    with pytest.raises(UnknownEntryError, match="no weights at the top: there are tests/pipeline/text_enc"):
        opened(pipeline()).resolved("main")
    with pytest.raises(UnknownEntryError, match="no weights in 'x'"):
        opened(pipeline()).resolved("main", "x")


def component(**changes: Any) -> dict[str, Any]:
    return {"components": {"unet": {"config": {}, "weights": WEIGHTS, **changes}}}


@pytest.mark.parametrize(
    ("changes", "pointer", "told"),
    [
        ({"components": {}}, "/config", "is required"),
        ({"components": []}, "/components", "must be an object"),
        ({"components": {"a": 1}}, "/components/a", "is an object with a config"),
        ({"components": {"a": {"weights": WEIGHTS}}}, "/components/a/config", "is required"),
        ({"components": {"../a": {"config": {}, "weights": WEIGHTS}}}, "/components/..~1a", "a folder has"),
        ({"components": {f"c{n}": {} for n in range(17)}}, "/components", "at most 16"),
        ({"weights": WEIGHTS}, "/weights", "of a config"),
        ({"weights_name": "a.safetensors"}, "/weights_name", "of a config"),
        ({"config": None}, "/config", "must be an object"),
        ({"config": {}, "adapter_config": {}, "weights": WEIGHTS}, "/adapter_config", "leave one out"),
        (component(surplus=1), "/components/unet/surplus", "unknown field"),
        (component(weights=[]), "/components/unet/weights", "must be an object"),
        (component(weights={"layers": [], "seed": 1}), "/components/unet/weights/seed", "unknown field"),
        (component(weights_name="model.bin"), "/components/unet/weights_name", "end with .safetensors"),
        (component(weights_name="../a.safetensors"), "/components/unet/weights_name", "not beginning with"),
        (component(weights_name="m-00001-of-00002.safetensors"), "/components/unet/weights_name", "number"),
        (component(seed_from="vae"), "/components/unet/seed_from", "folder of a component"),
        (component(seed_from="unet"), "/components/unet/seed_from", "a seed of its own without"),
        ({"files": {"unet": ""}}, "/files/unet", "folder of a component"),
        ({"files": {"UNET/config.json": ""}}, "/files/UNET~1config.json", "is generated"),
    ],
)
def test_faults(changes: dict[str, Any], pointer: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        opened(pipeline(**changes))
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
    assert told in caught.value.faults[0].detail


def test_two_folders_that_differ_in_case_alone() -> None:
    part = {"config": {}, "weights": WEIGHTS}
    with pytest.raises(RecipeError, match="unet and UNet differ in case alone"):
        opened(pipeline(components={"unet": part, "UNet": part}))


@pytest.mark.parametrize(
    "folder",
    ["config.json", "README.md", "Model.safetensors", "model_index.json", "tokenizer.json", "spiece.model"],
)
def test_no_folder_has_the_name_of_a_file(folder: str) -> None:
    with pytest.raises(RecipeError, match="is the name of a file: call the folder") as caught:
        opened(pipeline(files={}, components={folder: {"config": {}, "weights": WEIGHTS}}))
    assert [fault.pointer for fault in caught.value.faults] == [f"/components/{folder}"]


def test_a_seed_is_not_shared_by_way_of_another() -> None:
    part = {"config": {}, "weights": WEIGHTS}

    def faults(**sources: str) -> list[tuple[str, str]]:
        parts = {folder: part | ({"seed_from": name}) for folder, name in sources.items()}
        with pytest.raises(RecipeError) as caught:
            opened(pipeline(components=parts))
        return [(fault.pointer, fault.detail) for fault in caught.value.faults]

    assert faults(a="b", b="") == [
        ("/components/a/seed_from", 'b shares the seed of another itself: give ""')
    ]
    assert faults(a="b", b="a") == [
        (
            f"/components/{one}/seed_from",
            f"{other} shares the seed of another itself: leave seed_from out of one",
        )
        for one, other in ("ab", "ba")
    ]


def test_a_file_where_the_folder_of_a_tokenizer_would_be() -> None:
    clip = {"model_type": "clip_text_model", "vocab_size": 49408}
    document = pipeline(components={"text_encoder": {"config": clip, "weights": WEIGHTS}})
    assert "tokenizer/tokenizer.json" in [file.path for file in opened(document).snapshot("main").files]
    document["files"]["tokenizer"] = ""
    paths = [file.path for file in opened(document).snapshot("main").files]
    assert [path for path in paths if path.startswith("tokenizer")] == ["tokenizer"]


def test_the_faults_of_a_components_entries_lead_into_the_recipe() -> None:
    wrong = {"layers": [tensor("w", [2], {"kind": "normal", "std": -1})]}
    with pytest.raises(RecipeError, match="/components/unet/weights/layers/0/init/std"):
        opened(pipeline(**component(weights=wrong))).check("p.json")


def test_a_dtype_that_one_component_does_not_have() -> None:
    wide = {"layers": [tensor("w", [2], {"kind": "constant", "value": 1e30})]}
    with pytest.raises(UnknownRevisionError, match="does not exist in float16"):
        opened(pipeline(**component(weights=wide))).snapshot("dtype=float16")


def test_components_are_limited_together() -> None:
    many = {"layers": [tensor("w.{0..99}", [1])]}
    parts = {f"c{number}": {"config": {}, "weights": many} for number in range(MAX_COMPONENTS)}
    recipe = read_recipe(json.dumps(pipeline(components=parts)).encode(), "p.json")
    repository = Repository(recipe, Limits(tensors=1_599), 1 << 30, RepositoryCaches.of(10_000))
    with pytest.raises(RecipeError, match=r"1,600 tensors together, more than 1,599"):
        repository.check("p.json")


def test_weights_of_components_that_are_left_out_are_derived() -> None:
    document = pipeline()
    del document["components"]["unet"]["weights"]
    asked: list[Any] = []

    def derive(config: dict[str, Any]) -> dict[str, Any]:
        asked.append(config)
        return {"config": config, "weights": WEIGHTS}

    recipe = read_recipe(json.dumps(document).encode(), "p.json", derive)
    assert asked == [{"_class_name": "UNet2DConditionModel"}]
    assert recipe.components["unet"].weights.layers == WEIGHTS["layers"]
