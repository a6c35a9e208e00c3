"""Sets of weights of a recipe, at the top and in components' folders.

Equal names in two folders must not mean equal numbers, so every component is drawn with a seed of its own:

    seed of a component = the first 8 bytes, big-endian, of SHA-256 over
                          "tensorseed component v1\\n" + folder + "\\n" + the seed in decimal + "\\n"

`seed_from` names another folder to share its seed with, "" the seed itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tensorseed.sampling.dtypes import DTypeName
from tensorseed.spec.faults import Located
from tensorseed.spec.json.text import dump

MAX_COMPONENTS = 16  # of one recipe
MAX_NAME_CHARS = 96  # of a folder, and of a file of weights

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
TRANSFORMERS_WEIGHTS = "model.safetensors"
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model.safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_FOLDER = re.compile(rf"(?=.{{1,{MAX_NAME_CHARS}}}\Z)[A-Za-z0-9_][A-Za-z0-9._-]*", re.DOTALL)
_WEIGHTS_NAME = re.compile(
    rf"(?=.{{1,{MAX_NAME_CHARS}}}\Z)[A-Za-z0-9_][A-Za-z0-9._-]*\.safetensors", re.DOTALL
)
_SHARD_NAME = re.compile(r"-\d{5}-of-\d{5}\.safetensors")
_ENDS_OF_FILES = (".json", ".jinja", ".md", ".model", ".safetensors", ".txt")  # of all that is generated
_TEXT = "\n{}\n{}\n"

FOLDER_RULE = f"a folder has 1 to {MAX_NAME_CHARS} letters, digits, ., - and _, not beginning with . or -"
WEIGHTS_NAME_RULE = (
    f"a file of weights has the name of one: letters, digits, ., - and _, {MAX_NAME_CHARS} at most, not "
    "beginning with . or -, that end with .safetensors and do not number a shard"
)

JsonObject = dict[str, Any]


class Weights(BaseModel):
    """The tensors of a set: entries of a spec, in the order of the state dict."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dtype: DTypeName = Field(default="float32", description="The dtype of entries without their own.")
    rules: list[JsonObject] = Field(default_factory=list, description="The rules of a spec.")
    layers: list[JsonObject] = Field(description="The entries of a spec, names with brace ranges.")

    def spec(self, dtype: str | None = None) -> bytes:
        """The spec of seed 0 as JSON, in `dtype` unless None."""
        rules = {"rules": self.rules} if self.rules else {}
        return dump({"dtype": dtype or self.dtype, **rules, "layers": self.layers})


class Component(BaseModel):
    """A folder with a model of its own, as a pipeline of diffusers has several."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    config: JsonObject = Field(description="The content of the folder's config.json.")
    weights_name: str | None = Field(default=None, description="The name of its file of weights.")
    weights: Weights = Field(description="The tensors; derived from config if left out.")
    seed_from: str | None = Field(
        default=None, description='The folder whose seed it shares, or "" for the seed of the revision.'
    )


class WeightSet(NamedTuple):
    """One model of a repository. `folder` is "" at the top."""

    folder: str
    config_name: str
    config: JsonObject
    weights_name: str  # ends with .safetensors
    weights: Weights
    seed_from: str

    def path(self, name: str) -> str:
        """The path of a file in its folder."""
        return f"{self.folder}/{name}" if self.folder else name

    def seed(self, seed: int) -> int:
        """The seed of its spec at a revision of `seed`."""
        return component_seed(seed, self.seed_from)

    @property
    def pointer(self) -> str:
        """Where a recipe has its weights."""
        return f"/components/{self.folder}/weights" if self.folder else "/weights"


def component_seed(seed: int, folder: str) -> int:
    """The seed of a component in `folder`; `seed` itself at the top."""
    if not folder:
        return seed
    text = f"tensorseed component v1{_TEXT.format(folder, seed)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def candidates(name: str) -> Iterator[tuple[str, str]]:
    """The ids and folders that a name may mean: `a/b` is an id, or the component b of a."""
    yield name, ""
    known, slash, folder = name.rpartition("/")
    if slash:
        yield known, folder


def component_set(folder: str, component: Component) -> WeightSet:
    """The set of a component."""
    name = component.weights_name or default_weights_name(component.config)
    seed_from = folder if component.seed_from is None else component.seed_from
    return WeightSet(folder, CONFIG, component.config, name, component.weights, seed_from)


def default_weights_name(config: Mapping[str, Any]) -> str:
    """The name that the library of a config gives its file of weights."""
    return DIFFUSERS_WEIGHTS if "_class_name" in config else TRANSFORMERS_WEIGHTS


def component_faults(components: Mapping[str, Any]) -> Iterator[Located]:
    """What is wrong with the names of the components, and with whose seeds they share."""
    if len(components) > MAX_COMPONENTS:
        detail = f"a recipe has at most {MAX_COMPONENTS} components, this one has {len(components):,}"
        yield ("components",), detail
        return
    known: dict[str, str] = {}
    for folder, component in components.items():
        at = ("components", folder)
        if not _FOLDER.fullmatch(folder):
            yield at, FOLDER_RULE
        elif folder.lower().endswith(_ENDS_OF_FILES):
            yield at, f"{folder} is the name of a file: call the folder {folder.rpartition('.')[0]}"
        elif (other := known.setdefault(folder.lower(), folder)) != folder:
            yield at, f"{other} and {folder} differ in case alone: rename one"
        if not isinstance(component, dict):
            continue
        yield from weights_name_faults(component, at)
        fault = _seed_fault(folder, component.get("seed_from"), components)
        if fault is not None:
            yield (*at, "seed_from"), fault


def _seed_fault(folder: str, source: Any, components: Mapping[str, Any]) -> str | None:
    """What is wrong with the `seed_from` of a component, which is followed once alone."""
    if not isinstance(source, str) or not source:
        return None
    if source not in components:
        return 'seed_from is the folder of a component, or "" for the seed itself'
    if source == folder:
        return "a component has a seed of its own without seed_from: leave it out"
    other = components[source]
    further = other.get("seed_from") if isinstance(other, dict) else None
    if not isinstance(further, str):
        return None
    detail = f"{source} shares the seed of another itself"
    return (
        f"{detail}: leave seed_from out of one"
        if further == folder
        else f"{detail}: give {dump(further).decode()}"
    )


def weights_name_faults(holder: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[Located]:
    """What is wrong with the `weights_name` of a recipe or a component."""
    name = holder.get("weights_name")
    if isinstance(name, str) and (not _WEIGHTS_NAME.fullmatch(name) or _SHARD_NAME.search(name)):
        yield (*at, "weights_name"), WEIGHTS_NAME_RULE
