"""Shipped recipes: they load, match their configs and published sizes."""

from __future__ import annotations

import json

import pytest

from tensorseed.checkpoints.library import Library, shipped
from tensorseed.checkpoints.recipe import recipe_text
from tensorseed.checkpoints.repo_files import WeightsFile
from tests.tensorseed.checkpoints.shipped.conftest import ALL, NAMES, PIPELINES, TINY
from tests.tensorseed.checkpoints.shipped.facts import FAMILIES, PARAMETERS
from tools.recipes import KEYS, regenerated


def text(name: str) -> str:
    return (shipped() / f"{name}.json").read_text()


def test_there_is_a_repository_for_each_file(library: Library) -> None:
    assert library.ids() == sorted(f"tensorseed/{name}" for name in ALL)


def test_published_sizes_have_their_published_ids(library: Library) -> None:
    for name in sorted(set(NAMES) - set(TINY)):
        aliases = library.repository(f"tensorseed/{name}").recipe.aliases
        assert any("/" in alias for alias in aliases)
    for alias in ("gpt2", "bert-base-uncased", "meta-llama/meta-llama-3-8b", "Qwen/Qwen3-0.6B", "t5-small"):
        assert library.repository(alias).id.startswith("tensorseed/")


def test_every_recipe_that_is_not_tiny_has_a_published_number() -> None:
    assert set(PARAMETERS) == set(NAMES) - set(TINY)


def test_every_family_has_a_tiny_recipe() -> None:
    types = {name: json.loads(text(name))["config"]["model_type"] for name in NAMES}
    assert set(types.values()) == FAMILIES
    assert {types[name] for name in TINY} == FAMILIES


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_published_number_of_parameters(name: str, library: Library) -> None:
    snapshot = library.repository(f"tensorseed/{name}").snapshot("main")
    assert snapshot.total == PARAMETERS.get(name, snapshot.total)
    assert snapshot.total < 500_000 or name not in TINY
    weights = [file for file in snapshot.files if isinstance(file, WeightsFile)]
    assert sum(file.size for file in weights) > snapshot.total


@pytest.mark.parametrize("name", [*TINY, "gpt2", "llama-3-70b"])
def test_it_is_what_the_tool_makes_of_its_config(name: str) -> None:
    """Of all the others `python -m tools.recipes --check` says it, in a minute or two."""
    assert regenerated(text(name)) == text(name)


def test_an_adapter_is_what_the_tool_makes_of_its_config() -> None:
    pytest.importorskip("peft")
    assert regenerated(text("tiny-llama-lora")) == text("tiny-llama-lora")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_is_what_the_tool_makes_of_its_configs(name: str, library: Library) -> None:
    pytest.importorskip("diffusers")
    assert regenerated(text(name)) == text(name)
    assert library.repository(f"tensorseed/{name}").snapshot("main").total < 500_000


@pytest.mark.parametrize("name", NAMES)
def test_it_is_laid_out_as_the_tool_does_and_short(name: str) -> None:
    recipe = json.loads(text(name))
    assert recipe_text(recipe) == text(name)
    assert list(recipe) == [key for key in KEYS if key in recipe]
    assert len(recipe["weights"]["layers"]) <= 50


@pytest.mark.parametrize("name", NAMES)
def test_its_token_ids_are_of_its_vocabulary(name: str) -> None:
    recipe = json.loads(text(name))
    config = recipe["config"].get("text_config", recipe["config"])
    generation = recipe.get("files", {}).get("generation_config.json", {})
    for key, value in [*config.items(), *generation.items()]:
        if key.endswith(("token_id", "suppress_tokens")) and value is not None:
            ids = value if isinstance(value, list) else [value]
            assert all(0 <= one < config["vocab_size"] for one in ids), key
