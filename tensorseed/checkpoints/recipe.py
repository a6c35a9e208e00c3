"""Recipes: the JSON files that describe a repository, read strictly.

`docs/recipes.md` describes the format. Every fault has a pointer into the file. Reading computes nothing,
except the weights of a recipe without any, which are derived from its config.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tensorseed.checkpoints.derivation import derive
from tensorseed.checkpoints.errors import RecipeError
from tensorseed.errors import Fault, SpecError, TensorseedError, TooLargeError, shortened
from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.faults import Located, explain, spec_error
from tensorseed.spec.json.text import dump, load

MAX_RECIPE_BYTES = 16 << 20  # of one recipe's file
MAX_FILES = 64  # of one recipe, beside those that are generated
MAX_PATH_CHARS = 200  # characters of a file's path
MAX_SHARD_BYTES = 50_000_000_000  # bytes: clients refuse larger files

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_ID = re.compile(rf"(?:{_PART}/)?{_PART}")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,3}")
_RESERVED_IDS = frozenset(
    ("api", "v1", "docs", "plan", "models", "datasets", "spaces", "healthz", "readyz", "metrics")
) | {"openapi.json"}
_RESERVED_NAMES = frozenset(("refs", "auth-check"))  # /api/models/a/refs is what the repository a has
_GENERATED = {"config.json": "config.json", "readme.md": "README.md"}  # paths by how they are compared

_ID_RULE = (
    "an id is name or namespace/name, each of 1 to 96 letters, digits, ., - and _, without -- or .., "
    "neither beginning nor ending with . or -"
)
_PATH_RULE = (
    "a path has up to four parts of letters, digits, ., - and _ between slashes, "
    f"{MAX_PATH_CHARS} characters at most, and no part begins with . or -"
)

JsonObject = dict[str, Any]
Derive = Callable[[JsonObject], JsonObject]  # from a config to its recipe


class Weights(BaseModel):
    """The tensors of a recipe: entries of a spec, in the order of the state dict."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dtype: DTypeName = Field(default="float32", description="The dtype of entries without their own.")
    rules: list[JsonObject] = Field(default_factory=list, description="The rules of a spec.")
    layers: list[JsonObject] = Field(description="The entries of a spec, names with brace ranges.")

    def spec(self, dtype: str | None = None) -> bytes:
        """The spec of seed 0 as JSON, in `dtype` unless None."""
        rules = {"rules": self.rules} if self.rules else {}
        return dump({"dtype": dtype or self.dtype, **rules, "layers": self.layers})


class Recipe(BaseModel):
    """A repository but for the seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(description="The repository's id, such as tensorseed/llama-3-8b.")
    description: str = Field(default="", max_length=2_000, description="A sentence for the model card.")
    config: JsonObject = Field(description="The content of config.json.")
    files: dict[str, Any] = Field(
        default_factory=dict, description="Further text files: an object, or a text."
    )
    weights: Weights = Field(description="The tensors; derived from config if left out.")
    shard_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Most bytes of tensors in one file.",
    )


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
        if "weights" not in document:
            document["weights"] = _derived(document["config"], source, derive)
        return Recipe.model_validate(document)
    except SpecError as error:
        raise RecipeError.of(source, error.faults) from None
    except TooLargeError as error:
        raise RecipeError(f"the recipe {source} is too large: {error}") from None


def _faults(document: Any) -> list[Located]:
    """What is wrong with the document, but for the entries of its weights."""
    if not isinstance(document, dict):
        return [((), "a recipe is one JSON object")]
    outline = {"weights": {"layers": []}, **document}
    found: list[Located] = []
    if isinstance(outline["weights"], dict):
        found += _invalid(Weights, outline["weights"], ("weights",))
        outline["weights"] = {"layers": []}
    found += _invalid(Recipe, outline)
    if type(size := document.get("shard_bytes")) is int and size > MAX_SHARD_BYTES:
        found.append(
            (("shard_bytes",), f"shard_bytes must be at most {MAX_SHARD_BYTES:,}: clients refuse more")
        )
    if isinstance(document.get("id"), str):
        found += [(("id",), fault) for fault in _id_faults(document["id"])]
    if isinstance(document.get("files"), dict):
        found += _file_faults(document["files"])
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


def _id_faults(name: str) -> list[str]:
    parts = name.split("/")
    if not _ID.fullmatch(name) or "--" in name or ".." in name:
        return [_ID_RULE]
    if parts[0] in _RESERVED_IDS:
        return [f"{parts[0]} is a path of the service: choose another name"]
    if parts[1:] and parts[1] in _RESERVED_NAMES:
        return [f"{parts[1]} is a path below every id: choose another name"]
    if name.endswith(".git"):
        return ["an id does not end with .git: leave it out"]
    return []


def _file_faults(files: Mapping[str, Any]) -> list[Located]:
    """What is wrong with the paths and contents of the further files."""
    if len(files) > MAX_FILES:
        return [(("files",), f"a recipe has at most {MAX_FILES} files, this one has {len(files):,}")]
    found: list[Located] = []
    known = dict(_GENERATED)
    for path, content in files.items():
        at, low = ("files", path), path.lower()
        if len(path) > MAX_PATH_CHARS or not _PATH.fullmatch(path):
            found.append((at, _PATH_RULE))
        elif low in _GENERATED or ".safetensors" in low:
            found.append((at, f"{shortened(path)} is generated: leave it out"))
        elif low in known:
            found.append((at, f"{known[low]} and {path} differ in case alone: rename one"))
        if not isinstance(content, str | dict):
            found.append((at, "a file is a text, or an object that is written as JSON"))
        known[low] = path
    return found + [
        (("files", path), f"{shortened(path)} is in a folder that has the name of a file: rename one")
        for path in files
        if any(folder in known for folder in _folders(path.lower()))
    ]


def _folders(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _derived(config: JsonObject, source: str, derive: Derive) -> JsonObject:
    """The weights that a config stands for.

    Raises:
        RecipeError: they cannot be derived.
    """
    try:
        return dict(derive(config)["weights"])
    except TensorseedError as error:
        raise RecipeError(f"the weights of the recipe {source} cannot be derived: {error}") from None


def weights_error(source: str, error: SpecError) -> RecipeError:
    """The error of a recipe whose weights are no valid entries; `error` is that of the spec they make."""
    faults = [Fault(f"/weights{fault.pointer}", fault.detail) for fault in error.faults]
    return RecipeError.of(source, faults)


def recipe_text(document: Mapping[str, Any]) -> str:
    """A recipe, or its `weights` alone, as JSON: indented, but every entry in one line."""
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
    if name != "layers" or not isinstance(value, list) or not value:
        return _text(value, indent)
    lines = [f"{indent}  {json.dumps(entry, ensure_ascii=False)}" for entry in value]
    return "[\n" + ",\n".join(lines) + f"\n{indent}]"


LIBRARY = "transformers"

TASKS = {
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "WhisperForConditionalGeneration": "automatic-speech-recognition",
    "T5ForConditionalGeneration": "text2text-generation",
    "ForImageClassification": "image-classification",
    "ForSequenceClassification": "text-classification",
    "CLIPModel": "zero-shot-image-classification",
}


def architecture(recipe: Recipe) -> str | None:
    """The class in transformers that the config names, if it names one."""
    named = recipe.config.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    return first if isinstance(first, str) and first.isidentifier() else None


def model_type(recipe: Recipe) -> str | None:
    """The config's model_type, if it is a plain word."""
    word = recipe.config.get("model_type")
    return word if isinstance(word, str) and word.replace("-", "_").isidentifier() else None


def task_of(recipe: Recipe) -> str | None:
    """The task of a recipe's model; None if its class has none."""
    name = architecture(recipe) or ""
    return next((task for suffix, task in TASKS.items() if name.endswith(suffix)), None)


def card_data(recipe: Recipe) -> dict[str, Any]:
    """The front matter of the model card, and `cardData` of a listing."""
    task, kind = task_of(recipe), model_type(recipe)
    tags = ["tensorseed", "random-weights", *([kind] if kind else [])]
    return {"library_name": LIBRARY, **({"pipeline_tag": task} if task else {}), "tags": tags}
