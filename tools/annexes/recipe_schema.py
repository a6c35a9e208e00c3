"""JSON Schema of a recipe, from the models that read a spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorseed.sampling.dtypes import DTYPES, TENSOR_DTYPES
from tensorseed.spec.canonical import DEFAULT_DTYPE
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.schemes import SCHEME_CLASSES, Scheme
from tensorseed.spec.schemes.parts import Parts
from tensorseed.spec.spec import Spec

Node = dict[str, Any]
SEED = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"}
NOISE = ("title", "examples", "discriminator")
TORCH = ("device", "generator", "torch_kernels", "torch_version")


def recipe_schema() -> Node:
    """What a recipe may hold: a spec in its canonical spelling.

    The defaults stand in it because a recipe leaves them out.
    """
    spec = Spec.model_json_schema()
    definitions: Node = {name: _quiet(node) for name, node in sorted(spec["$defs"].items())}
    for definition in definitions.values():
        del definition["description"]  # the class's docstring, whose words change
    for scheme in SCHEME_CLASSES:
        definitions[scheme.__name__]["properties"]["kind"] = {"const": scheme.spellings()[0]}
    part = definitions["Part"]
    part["required"] = ["init", "size"]
    part["properties"] |= {"size": {"minimum": 1, "type": "integer"}, "init": _init(besides=(Parts,))}
    for cls in LAYERS.values():
        _entry(definitions[cls.__name__])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Recipe of a tensorseed file, version 1",
        "description": "Members that have their default value are left out, and keys are sorted.",
        "type": "object",
        "required": ["layers", "seed"],
        "additionalProperties": False,
        "properties": {
            "layers": {"type": "array", "items": _choice(cls.__name__ for cls in LAYERS.values())},
            "seed": SEED,
            "generator": {"const": "torch"},
            "device": {"type": "string", "pattern": "^(cpu|cuda)$"},
            "torch_version": {"type": "string"},
            "torch_kernels": {"type": "string"},
            "init_order": {"const": "interleaved"},
        },
        "dependentRequired": {
            **{name: [other for other in TORCH if other != name] for name in TORCH},
            "init_order": [*TORCH],
        },
        "$defs": {**_common(), **definitions},
    }


def _common() -> Node:
    """The members that entries share."""
    bare = [name for name in DTYPES if name in TENSOR_DTYPES and name != DEFAULT_DTYPE]
    name = {"type": "string", "minLength": 1, "maxLength": 1024}
    about = f"The entry's dtype; {DEFAULT_DTYPE} if left out."
    return {
        "Init": _init(),
        "Name": {"description": "The entry's name. A range {0..11} holds both of its ends.", **name},
        "Stream": {"description": "The name that keys the draw, if it is not the entry's own.", **name},
        "Seed": {"description": "The entry's own seed, in decimal.", **SEED},
        "DType": {
            "description": about,
            "enum": [dtype for dtype in bare if not DTYPES[dtype].is_integer],
            "default": DEFAULT_DTYPE,
        },
        "TensorDType": {"description": about, "enum": bare, "default": DEFAULT_DTYPE},
    }


def _init(besides: Sequence[type[Scheme]] = ()) -> Node:
    """A scheme's name, or an object with its parameters; none of the schemes `besides`."""
    classes = [cls for cls in SCHEME_CLASSES if cls not in besides]
    bare = [
        cls.spellings()[0]
        for cls in classes
        if not any(field.is_required() for name, field in cls.model_fields.items() if name != "kind")
    ]
    named = {"description": "A scheme with its default parameters.", "enum": bare}
    return {"anyOf": [named, _choice(cls.__name__ for cls in classes)]}


def _choice(names: Any) -> Node:
    return {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def _entry(entry: Node) -> None:
    """What entries share refers to one definition; an entry's own dtype is neither null nor the default."""
    properties = entry["properties"]
    properties["name"] = {"$ref": "#/$defs/Name"}
    properties["stream"] = {"$ref": "#/$defs/Stream"}
    properties["seed"] = {"$ref": "#/$defs/Seed"}
    properties["dtype"] = {"$ref": "#/$defs/TensorDType" if _is_bare(entry) else "#/$defs/DType"}
    reference: Node = {"$ref": "#/$defs/Init"}
    if not _is_bare(entry):
        text = properties["init"]["description"]
        reference = {
            "description": text,
            "type": "object",
            "minProperties": 1,
            "additionalProperties": reference,
        }
    properties["init"] = reference


def _is_bare(entry: Node) -> bool:
    return bool(entry["properties"]["type"]["const"] == "Tensor")


def _quiet(node: Any) -> Any:
    """The node without what a reader of recipes has no use for."""
    if isinstance(node, list):
        return [_quiet(part) for part in node]
    if not isinstance(node, dict):
        return node
    quiet = {key: _quiet(value) for key, value in node.items() if key not in NOISE}
    if isinstance(quiet.get("description"), str):
        quiet["description"] = " ".join(quiet["description"].partition("\n")[0].split())
    return quiet
