"""Rewrite the shipped recipes: derived weights, formatted JSON.

A new recipe begins as a file with an id and a config. `python -m tools.recipes` takes the names of recipes,
or none for all of them; with `--check` it writes nothing and fails where one would change.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.derivation.adapters.documents import with_base
from tensorseed.checkpoints.library import shipped
from tensorseed.checkpoints.recipe import recipe_text

FOLDER = shipped()
KEYS = (  # as they are ordered
    "id",
    "aliases",
    "description",
    "config",
    "adapter_config",
    "files",
    "weights",
    "components",
    "shard_bytes",
)

PUBLISHED_CLASSES = {"bert": "BertForPreTraining"}
"""Model types whose published files hold more than the class in their config: MLM head, pooler and NSP head.

google-bert/bert-base-uncased has 110,106,428 parameters and google-bert/bert-large-uncased 336,226,108; both
name BertForMaskedLM. FacebookAI/roberta-base and roberta-large have no pooler, as their class has none.
"""

NORMS_BEFORE_2019 = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
"""What norms are named in BERT's first published files, which were converted from TensorFlow in 2018.

huggingface/candle#1887 lists the names in google-bert/bert-base-uncased.
"""


def regenerated(text: str) -> str:
    """A recipe with the weights that follow from its config, laid out."""
    recipe = json.loads(text)
    if config := recipe.get("config"):
        if config["model_type"] in PUBLISHED_CLASSES:
            config = config | {"architectures": [PUBLISHED_CLASSES[config["model_type"]]]}
        recipe["weights"] = derive(config)["weights"]
        if config["model_type"] == "bert" and recipe.get("aliases"):  # those of published files
            rename(recipe["weights"]["layers"], NORMS_BEFORE_2019)
    if adapter := recipe.get("adapter_config"):
        recipe["weights"] = derive(with_base(adapter, _config))["weights"]
    for component in recipe.get("components", {}).values():
        component["weights"] = derive(component["config"])["weights"]
    return recipe_text({key: recipe[key] for key in KEYS if key in recipe})


def rename(layers: list[dict[str, Any]], ends: Mapping[str, str]) -> None:
    """Give entries other ends of their names."""
    for layer in layers:
        for old, new in ends.items():
            if layer["name"].endswith(f".{old}"):
                layer["name"] = layer["name"].removesuffix(old) + new


def _config(name: str) -> dict[str, Any]:
    """The config of a shipped recipe."""
    config: dict[str, Any] = json.loads((FOLDER / f"{name.rpartition('/')[2]}.json").read_text())["config"]
    return config


def main() -> None:
    """Write the recipes, or check them, and say which of them change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes, such as tiny-llama")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a recipe would change")
    options = parser.parse_args()
    changed = []
    for path in [FOLDER / f"{name}.json" for name in options.names] or sorted(FOLDER.glob("*.json")):
        old = path.read_text()
        new = regenerated(old)
        if new != old:
            changed.append(path.name)
            if not options.check:
                path.write_text(new)
    if changed:
        told = "would change: run python -m tools.recipes" if options.check else "have changed"
        print(f"{', '.join(changed)} {told}")
    sys.exit(bool(changed and options.check))


if __name__ == "__main__":
    main()
