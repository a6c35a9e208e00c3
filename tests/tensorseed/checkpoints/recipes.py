"""Small recipes for the tests of the hub."""

from __future__ import annotations

import json
from typing import Any

from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.recipe import Recipe, read_recipe
from tensorseed.checkpoints.repository import Repository, RepositoryCaches
from tensorseed.spec.limits import Limits
from tools.recipes import NORMS_BEFORE_2019, rename

KILO = 1_000


def tensor(name: str, shape: list[int], init: Any = "normal", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "Tensor", "shape": shape, "init": init, **more}


def document(**changes: Any) -> dict[str, Any]:
    """A recipe of 27 tensors, 22,912 bytes, with `changes`."""
    return {
        "id": "tests/small",
        "description": "Small.",
        "config": {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16"},
        "files": {
            "generation_config.json": {"eos_token_id": 2, "bos_token_id": 1},
            "notes/a.txt": "as it is",
        },
        "weights": {
            "dtype": "bfloat16",
            "layers": [
                tensor("embed.weight", [64, 16], {"kind": "normal", "std": 0.02}),
                tensor("layers.{0..3}.q.weight", [16, 16], {"kind": "normal", "std": 0.02}),
                tensor("layers.{0..3}.experts.{0..1}.up.weight", [32, 16], "xavier_uniform"),
                tensor("layers.{0..3}.experts.{0..1}.down.weight", [16, 32], "xavier_uniform"),
                tensor("layers.{0..3}.norm.weight", [16], "ones", dtype="float32"),
                {"name": "head", "type": "Linear", "in_features": 16, "out_features": 64},
            ],
        },
        **changes,
    }


def published_bert(id_: str) -> dict[str, Any]:
    """A recipe of tiny-bert's sizes with the names that BERT's first published files have."""
    found: dict[str, Any] = json.loads((shipped() / "tiny-bert.json").read_text())
    rename(found["weights"]["layers"], NORMS_BEFORE_2019)
    return {**found, "id": id_}


def recipe(**changes: Any) -> Recipe:
    return read_recipe(json.dumps(document(**changes)).encode(), "small.json")


def repository(*, default: int = 5_000_000_000, tensors: int = 10_000, **changes: Any) -> Repository:
    """The repository of `document(**changes)`, a service's setting of shard_bytes being `default`."""
    return Repository(recipe(**changes), Limits(), default, RepositoryCaches.of(tensors))
