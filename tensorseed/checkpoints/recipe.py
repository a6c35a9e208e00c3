"""Recipes: the JSON files that describe a repository, read strictly.

`docs/recipes.md` describes the format. Every fault has a pointer into the file. Reading computes nothing,
except the weights of a recipe without any, which are derived from its config.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.errors import RecipeError
from tensorseed.checkpoints.paths import alias_faults, file_faults, id_faults
from tensorseed.checkpoints.quantization import NothingQuantisedError, quantised_entries, written_format
from tensorseed.checkpoints.weight_sets import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    CONFIG,
    MAX_COMPONENTS,
    Component,
    JsonObject,
    Weights,
    WeightSet,
    component_faults,
    component_set,
    default_weights_name,
    weights_name_faults,
)
from tensorseed.errors import SpecError, TensorseedError, TooLargeError
from tensorseed.spec.faults import Located, explain, spec_error
from tensorseed.spec.json.text import load
from tensorseed.spec.quantizations import MethodName

MAX_RECIPE_BYTES = 16 << 20  # of one recipe's file
MAX_SHARD_BYTES = 50_000_000_000  # bytes: clients refuse larger files

_ADAPTER_WEIGHTS = (
    "weights is required beside an adapter_config: tensorseed recipe adapter_config.json writes both"
)
Derive = Callable[[JsonObject], JsonObject]  # from a config to its recipe


class Recipe(BaseModel):
    """A repository but for the seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(description="The repository's id, such as tensorseed/llama-3-8b.")
    aliases: list[str] = Field(
        default_factory=list, description="Further ids that the repository answers to, such as gpt2."
    )
    description: str = Field(default="", max_length=2_000, description="A sentence for the model card.")
    config: JsonObject | None = Field(default=None, description="The content of config.json.")
    adapter_config: JsonObject | None = Field(
        default=None, description="The content of adapter_config.json, in the place of config."
    )
    files: dict[str, Any] = Field(
        default_factory=dict, description="Further text files: an object, or a text."
    )
    weights: Weights | None = Field(
        default=None, description="The tensors; derived from the config if left out."
    )
    weights_name: str | None = Field(default=None, description="The name of the file of weights.")
    components: dict[str, Component] = Field(
        default_factory=dict, description="Models in folders of their own, by folder."
    )
    shard_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Most bytes of tensors in one file.",
    )

    @cached_property
    def sets(self) -> tuple[WeightSet, ...]:
        """The sets of weights: that at the top, and those of the components by folder."""
        found = [component_set(folder, part) for folder, part in sorted(self.components.items())]
        if self.weights is not None:
            adapter = self.adapter_config is not None
            config = (self.adapter_config if adapter else self.config) or {}
            name = self.weights_name or (ADAPTER_WEIGHTS if adapter else default_weights_name(config))
            found.insert(
                0, WeightSet("", ADAPTER_CONFIG if adapter else CONFIG, config, name, self.weights, "")
            )
        return tuple(found)

    @property
    def base(self) -> JsonObject:
        """What an adapter finds as its base: the config, or a member that says what the recipe is instead."""
        if self.config is not None:
            return self.config
        if self.adapter_config is not None:
            return {"adapter_config": self.adapter_config}
        return {"components": [*self.components]}

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes of the sets, each once."""
        return tuple(dict.fromkeys(part.weights.dtype for part in self.sets))

    @property
    def dtype(self) -> str | None:
        """The dtype of all sets; None where they have several."""
        return self.dtypes[0] if len(self.dtypes) == 1 else None


def read_recipe(text: bytes, source: str, derive: Derive = derive) -> Recipe:
    """The recipe of a JSON text; `source` names it in messages, `derive` finds weights that are left out.

    Raises:
        RecipeError: the recipe has faults, or its weights cannot be derived from the config. Faults of the
            entries of `weights` are found by the layout.
    """
    if len(text) > MAX_RECIPE_BYTES:
        raise RecipeError(f"the recipe {source} has more than {MAX_RECIPE_BYTES:,} bytes: shorten its files")
    try:
        document = load(text)
        faults = _faults(document)
        if faults:
            raise spec_error(faults)
        for holder in (document, *document.get("components", {}).values()):
            if "weights" not in holder and "config" in holder:
                derived = _derived(holder["config"], source, derive)
                holder |= {
                    "weights": derived["weights"],
                    "config": _filled(holder["config"], derived["config"]),
                }
        return Recipe.model_validate(document)
    except SpecError as error:
        raise RecipeError.of(source, error.faults) from None
    except TooLargeError as error:
        raise RecipeError(f"the recipe {source} is too large: {error}") from None


def quantised_recipe(recipe: Recipe, method: MethodName) -> Recipe:
    """The recipe with its linear weights quantised, and a config that says so.

    Raises:
        NothingQuantisedError: it is no single model, or has no weights that the method quantises.
    """
    if recipe.weights is None or recipe.config is None or recipe.components:
        raise NothingQuantisedError("only a repository of one model with a config.json can be quantised")
    layers, quantization, kept = quantised_entries(
        recipe.weights.layers, method, recipe.config.get("model_type")
    )
    fields: JsonObject = {name: getattr(recipe, name) for name in Recipe.model_fields}
    fields["config"] = recipe.config | {"quantization_config": written_format(quantization, kept)}
    fields["weights"] = recipe.weights.model_copy(update={"layers": layers})
    return Recipe.model_construct(**fields)


def _faults(document: Any) -> list[Located]:
    """What is wrong with the document, but for the entries of its weights."""
    if not isinstance(document, dict):
        return [((), "a recipe is one JSON object")]
    outline, found = _outlined(document)
    found += _invalid(Recipe, outline)
    found += _kind_faults(document)
    if type(size := document.get("shard_bytes")) is int and size > MAX_SHARD_BYTES:
        found.append(
            (("shard_bytes",), f"shard_bytes must be at most {MAX_SHARD_BYTES:,}: clients refuse more")
        )
    if isinstance(document.get("id"), str):
        found += [(("id",), fault) for fault in id_faults(document["id"])]
        found += alias_faults(document["id"], document.get("aliases"))
    if isinstance(document.get("files"), dict):
        found += file_faults(document["files"], _generated(document))
    return found


def _generated(document: JsonObject) -> list[str]:
    """The paths of files that are generated, but for those of weights."""
    components = document.get("components")
    folders = components if isinstance(components, dict) and len(components) <= MAX_COMPONENTS else {}
    adapter = [ADAPTER_CONFIG] if "adapter_config" in document else []
    return ["README.md", CONFIG, *adapter, *(f"{folder}/{CONFIG}" for folder in folders)]


def _outlined(document: JsonObject) -> tuple[JsonObject, list[Located]]:
    """The document without entries of weights, and the faults of what has them."""
    outline, found = _without_entries(document, ())
    components = document.get("components")
    if isinstance(components, dict):
        outline["components"] = {}
        for folder, component in components.items() if len(components) <= MAX_COMPONENTS else ():
            within = ("components", folder)
            if not isinstance(component, dict):
                found.append((within, "a component is an object with a config, and perhaps weights"))
                continue
            part, faults = _without_entries({"weights": {"layers": []}, **component}, within)
            found += faults + _invalid(Component, part, within)
    return outline, found


def _without_entries(holder: JsonObject, within: tuple[str, ...]) -> tuple[JsonObject, list[Located]]:
    if "weights" not in holder:
        return dict(holder), []
    if not isinstance(holder["weights"], dict):
        return {**holder, "weights": {"layers": []}}, [((*within, "weights"), "weights must be an object")]
    faults = _invalid(Weights, holder["weights"], (*within, "weights"))
    return {**holder, "weights": {"layers": []}}, faults


def _kind_faults(document: JsonObject) -> list[Located]:
    """What is wrong with how the document says what its repository is."""
    found = list(weights_name_faults(document))
    found += [
        ((name,), f"{name} must be an object")
        for name in ("config", "adapter_config")
        if name in document and document[name] is None
    ]
    components = document.get("components")
    if isinstance(components, dict):
        found += component_faults(components)
    has_components = "components" in document and components != {}
    if "config" not in document and "adapter_config" not in document:
        if not has_components:
            found.append((("config",), "config is required: the content of a config.json"))
        found += [
            ((name,), f"{name} is of a config or an adapter_config: give one")
            for name in ("weights", "weights_name")
            if name in document and has_components
        ]
    elif "config" in document and "adapter_config" in document:
        found.append((("adapter_config",), "a recipe has a config or an adapter_config: leave one out"))
    elif "adapter_config" in document and "weights" not in document:
        found.append((("weights",), _ADAPTER_WEIGHTS))
    return found


def _invalid(
    model: type[BaseModel], document: Mapping[str, Any], within: tuple[str, ...] = ()
) -> list[Located]:
    """The faults of a document at the path `within`, by the model of its fields."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        return explain(error, document, model, within)
    return []


def _derived(config: JsonObject, source: str, derive: Derive) -> JsonObject:
    """The recipe of a config.

    Raises:
        RecipeError: it cannot be derived.
    """
    try:
        return derive(config)
    except TensorseedError as error:
        raise RecipeError(f"the weights of the recipe {source} cannot be derived: {error}") from None


def _filled(config: JsonObject, derived: JsonObject) -> JsonObject:
    """The config with the members that only the derived one spells out."""
    found = dict(config)
    for name, part in derived.items():
        inner = config.get(name)
        if isinstance(inner, dict) and isinstance(part, dict):
            found[name] = _filled(inner, part)
        else:
            found.setdefault(name, part)
    return found


def weights_error(source: str, error: SpecError) -> RecipeError:
    """The error of a recipe whose weights are no valid entries; the pointers of `error` lead into it."""
    return RecipeError.of(source, error.faults)


_LABELS = frozenset({"id2label", "label2id"})  # up to 1,000 each


def recipe_text(document: Mapping[str, Any]) -> str:
    """A recipe, or its `weights` alone, as JSON: indented, but every entry and the labels in one line."""
    return _text(document, "") + "\n"


def _text(value: Any, indent: str) -> str:
    within = f"{indent}  "
    if isinstance(value, dict) and value:
        members = [
            f"{within}{json.dumps(name)}: {_member(name, part, within)}" for name, part in value.items()
        ]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return json.dumps(value, ensure_ascii=False)


def _member(name: str, value: Any, indent: str) -> str:
    if name in _LABELS:
        return json.dumps(value, ensure_ascii=False)
    if name != "layers" or not isinstance(value, list) or not value:
        return _text(value, indent)
    lines = [f"{indent}  {json.dumps(entry, ensure_ascii=False)}" for entry in value]
    return "[\n" + ",\n".join(lines) + f"\n{indent}]"
