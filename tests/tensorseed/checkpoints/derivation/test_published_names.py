"""Derived names against published ones, and against both transformers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.checkpoints.derivation.in_memory import in_memory_inits
from tensorseed.checkpoints.derivation.published_names import check_names
from tensorseed.checkpoints.derivation.recipe_from_model import class_of, config_of
from tensorseed.checkpoints.layout import state_dict_order
from tensorseed.checkpoints.library import Library, shipped
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tests.clients.clients import BUILD, REMEDY, Python
from tests.tensorseed.checkpoints.derivation.families import FAMILIES
from tests.tensorseed.checkpoints.derivation.published import PUBLISHED
from tests.tensorseed.checkpoints.recipes import published_bert
from tests.tensorseed.checkpoints.shipped.conftest import SHARD_BYTES, TINY, write
from tests.tensorseed.checkpoints.shipped.test_tiny import BEYOND

NOWHERE = "http://127.0.0.1:1"


def saved(recipe: dict[str, Any], folder: Path) -> Path:
    """The repository of a recipe in a folder of its own."""
    folder.mkdir()
    file = open_file(parse_spec(json.dumps(recipe["weights"]).encode(), Limits()))
    (folder / "model.safetensors").write_bytes(file.read(0, file.size).tobytes())
    (folder / "config.json").write_text(json.dumps(recipe["config"]))
    return folder


@pytest.fixture(scope="module")
def recipes() -> dict[str, dict[str, Any]]:
    return {name: derive(case.config) for name, case in PUBLISHED.items()}


@pytest.fixture(scope="module")
def folders(recipes: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("derived")
    return {name: saved(recipe, home / name) for name, recipe in recipes.items()}


@pytest.fixture(scope="module")
def elder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """A process that has transformers 4."""
    python = BUILD / "transformers-4" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"transformers 4 is not installed: {REMEDY}")
    client = Python(python, NOWHERE, tmp_path_factory.mktemp("home"))
    yield client
    client.close()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_names_are_the_published_ones(name: str, recipes: dict[str, dict[str, Any]]) -> None:
    names = state_dict_order(recipes[name]["weights"]["layers"], Limits())
    assert set(PUBLISHED[name].names) <= set(names)
    assert len(set(names)) == len(names)


def test_input_embeddings_stay_tied(recipes: dict[str, dict[str, Any]]) -> None:
    for name in ("t5", "mt5"):
        assert not any("embed_tokens" in entry["name"] for entry in recipes[name]["weights"]["layers"])


def test_the_newest_transformers_loads_them_clean(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        cls = getattr(transformers, PUBLISHED[name].config["architectures"][0])
        _, info = cls.from_pretrained(folder, output_loading_info=True)
        assert {what: keys for what, keys in info.items() if keys} == {}, name


def test_transformers_4_loads_all_clean(folders: dict[str, Path], elder: Python, tmp_path: Path) -> None:
    """What is derived, of each family, and the tiny recipes that ship."""
    derived = [*folders.values()]
    derived += [saved(derive(config), tmp_path / name) for name, config in FAMILIES.items()]
    derived.append(saved(published_bert("tests/bert"), tmp_path / "published-bert"))
    library = Library([shipped()], Limits(), SHARD_BYTES)
    for name in TINY:
        folder = tmp_path / f"shipped-{name}"
        folder.mkdir()
        derived.append(write(library.repository(f"tensorseed/{name}").snapshot("main"), folder))
    assert elder("importlib.metadata:version", "transformers").startswith("4.")
    unfit = elder("programs:unfit", [str(folder) for folder in derived])
    found = {Path(folder).name: keys for folder, keys in unfit.items() if keys}
    beyond = sorted(f"unexpected_keys {name}" for name in BEYOND["bert"])
    assert found == {"shipped-tiny-bert": beyond, "published-bert": beyond}


def test_a_model_in_process_is_drawn_by_the_published_names() -> None:
    document = PUBLISHED["llava"].config
    config = config_of(document)
    cls = class_of(document, config)
    dtypes = dict.fromkeys(cls(config).state_dict(), torch.float32)
    inits = in_memory_inits(cls, config, dtypes)
    streams = {entry["stream"] for entry in inits.entries.values() if "stream" in entry}
    names = set(state_dict_order(derive(document)["weights"]["layers"], Limits()))
    assert (
        set(PUBLISHED["llava"].names) - {"vision_tower.vision_model.pre_layrnorm.weight"} <= streams <= names
    )


@pytest.mark.parametrize("name", ["layer.*.inv_freq", "a..b", ".a", "a.", "", "(?!a)b", r"a\\.b", "a b"])
def test_a_name_that_no_file_has(name: str) -> None:
    with pytest.raises(ConfigError, match="which no checkpoint has"):
        check_names({name: 0})
