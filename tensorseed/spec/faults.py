"""Faults of a document: paths, and sentences with a remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from tensorseed.errors import Fault, SpecError
from tensorseed.sampling.distributions.literals import MAX_EXACT_INTEGER
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, field_name, pointer
from tensorseed.spec.layers import LAYERS, FanAxes
from tensorseed.spec.layers.base import INITS_BY_NAME
from tensorseed.spec.layers.exclusions import EXCLUDED
from tensorseed.spec.layers.nesting import descend, nested_types
from tensorseed.spec.numbers import INFINITIES
from tensorseed.spec.quantizations import Quantization
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.schemes.parts import Part, Parts
from tensorseed.spec.spellings.values import integer_remedy, type_remedy
from tensorseed.suggestions import MAX_COMPARED_CHARS, misnamed_choice, no_choice, unknown_name
from tensorseed.synonyms import synonyms_of

MAX_WRITTEN = 200  # characters of an object that a sentence writes out

Located = tuple[Path, str]  # path and sentence of a fault

_WHOLE_FIELD = {
    "seed": "seed must be an integer from 0 to 18446744073709551615, or a decimal string of one",
    "device": "device must be auto, cpu, cuda or cuda:N with N a decimal number",
    "torch_version": "torch_version must be a version, such as 2.13.0 or 2.13.0+cpu",
    "torch_kernels": "torch_kernels must be what a recipe of generator torch holds: copy it, or leave it out",
}
_SENTENCES = {
    "bound": '{field} must be a number, or "Infinity" or "-Infinity" for no bound',
    "bool_type": "{field} must be true or false",
    "dict_type": "{field} must be an object",
    "finite_number": "{field} must be a finite number",
    "float_type": "{field} must be a number",
    "greater_than": "{field} must be greater than {gt}",
    "greater_than_equal": "{field} must be at least {ge}",
    "inexact_integer": "{detail}",
    "int_type": "{field} must be an integer",
    "json_invalid": "the body is nested too deeply: write fewer levels",
    "model_attributes_type": "{field} must be an object",
    "model_type": "{field} must be an object",
    "list_type": "{field} must be a list",
    "less_than": "{field} must be less than {lt}",
    "less_than_equal": "{field} must be at most {le}",
    "missing": "{field} is required",
    "string_too_long": "{field} must have at most {max_length} characters",
    "string_too_short": "{field} must have at least {min_length} character",
    "string_type": "{field} must be a string",
    "tuple_type": "{field} must be a list",
    "value_error": "{error}",
}
_INIT = (
    "an init is a scheme's name, or an object with kind and the scheme's parameters, such as "
    '{"kind": "normal", "std": 0.02}'
)
_LAYER_INIT = (
    'init must be one, such as "xavier_uniform", or an object of inits by parameter, such as '
    '{"weight": "xavier_uniform"}: leave it out for torch\'s defaults'
)
_BY_PARAMETER = 'write it beside the kind, such as {"weight": {"kind": "normal", "std": 0.02}}'
_RULE_INIT = f'{_INIT}: "match" of the rule names the parameter, such as "match": "weight"'
_FAN_AXES = "the fans of a layer are torch's: leave fan_axes out, which belongs to a Tensor"
_SIZE = "{field} must be an integer, or a list of integers with one for each dimension"
_PADDING = "{field} must be same, valid, an integer, or a list of integers with one for each dimension"


@dataclass(frozen=True, slots=True)
class _Location:
    """The location of an error: its path, the union branch that failed, the model of the field."""

    path: Path
    branch: str = ""
    model: type[BaseModel] | None = None


def spec_error(located: Iterable[tuple[Path, str]]) -> SpecError:
    """The error of the first `MAX_FAULTS` faults, in the order of the entries."""
    ordered = sorted(
        located, key=lambda place: int(place[0][1]) if len(place[0]) > 1 and place[0][0] == "layers" else -1
    )
    return SpecError([Fault(pointer(path), detail) for path, detail in ordered[:MAX_FAULTS]])


def explain(
    error: ValidationError, document: Any, spec: type[BaseModel], within: Path = ()
) -> list[tuple[Path, str]]:
    """The faults of `document`, which failed to validate as the model `spec`.

    `within` is the path of the member that was validated.
    """
    found: dict[Path, str] = {}
    for item in error.errors(include_url=False):
        place = _place((*within, *item["loc"]))
        for path, detail in _read(place, item, document, spec):
            found.setdefault(path, detail)
    return list(found.items())


def _place(loc: Path) -> _Location:
    """Parse a location such as (layers, 0, Linear, init, weight, <branch>, normal, std)."""
    if loc[:1] == ("rules",):
        return _place_in_rule(loc[:2], loc[2:])
    if len(loc) < 3 or loc[0] != "layers":
        return _Location(loc[:1] if loc[:1] and loc[0] in _WHOLE_FIELD else loc)
    entry, layer, rest = loc[:2], str(loc[2]), loc[3:]
    if rest[:1] == ("init",):
        if layer == "Tensor":
            return _place_in_init((*entry, "init"), rest[1:], LAYERS[layer])
        depth = 3 if rest[1:2] == (INITS_BY_NAME,) else 2
        return _place_in_init((*entry, "init", *rest[2:depth]), rest[depth:], LAYERS[layer])
    if rest[:1] == ("fan_axes",):
        return _Location((*entry, *rest), "", FanAxes)
    if rest[:1] == ("quantization",) and layer == "Tensor":
        return _Location((*entry, *rest), "", Quantization)
    walked, part, rest = descend(LAYERS[layer], rest)
    branch = next((part for part in rest[1:] if isinstance(part, str)), "")
    indices = [part for part in rest[1:] if isinstance(part, int)]
    return _Location((*entry, *walked, *rest[:1], *indices), branch, part)


def _place_in_init(path: Path, behind: Path, model: type[BaseModel] | None) -> _Location:
    """The location behind the init at `path`: branch, kind, parameter."""
    scheme = SCHEMES[str(behind[1])] if len(behind) > 1 else None
    if scheme is Parts and len(behind) > 4:  # the member parts, an index, a member of the part
        part = (*path, *behind[2:5])
        if behind[4] == "init":
            return _place_in_init(part, behind[5:], Part)
        return _Location(part, str(behind[0]), Part)
    return _Location((*path, *behind[2:]), str(behind[0]) if behind else "", scheme or model)


def _place_in_rule(rule: Path, rest: Path) -> _Location:
    if rest[:1] == ("init",):
        return _place_in_init((*rule, "init"), rest[1:], None)
    return _Location((*rule, *rest), "", FanAxes if rest[:1] == ("fan_axes",) and rest[1:] else None)


def _read(
    place: _Location, item: Mapping[str, Any], document: Any, spec: type[BaseModel]
) -> list[tuple[Path, str]]:
    """The fault of an error, or none if its union branch is not the intended one."""
    path = place.path
    if path and path[0] in _WHOLE_FIELD and path[0] in spec.model_fields:
        remedy = integer_remedy(item["input"]) if path[0] == "seed" else ""
        return [(path, _WHOLE_FIELD[str(path[0])] + remedy)]
    if path[2:] == ("init",) and item["type"] == "dict_type" and not place.branch:
        return [(path, _LAYER_INIT if path[0] == "layers" else _INIT)]
    if place.branch.startswith(("function", "tagged-union")):
        beside = _beside_kind(path, item, document) if len(path) == 4 and path[2] == "init" else None
        return _read_init(place, item, spec) if beside is None else [(path, beside)]
    if place.branch:
        return _read_size(place, item, document)
    return [_sentence(path, item, place.model or spec)]


def _read_init(place: _Location, item: Mapping[str, Any], spec: type[BaseModel]) -> list[tuple[Path, str]]:
    """An init is a name or an object: two branches, each with its own error."""
    value = item["input"]
    named = place.branch.startswith("function")
    if named and isinstance(value, str):
        return [_sentence(place.path, item, spec)]
    wrong_type = item["type"] in {"string_type", "dict_type", "model_attributes_type"}
    if wrong_type:
        return [] if isinstance(value, str | dict) else [(place.path, _not_an_init(value))]
    return [_sentence(place.path, item, place.model or spec)]


def _beside_kind(path: Path, item: Mapping[str, Any], document: Any) -> str | None:
    """The sentence for one init and inits by parameter in one object; None where that is not so."""
    if path[0] != "layers" or _at(document, path[:2]).get("type") == "Tensor":
        return None
    name, inits = str(path[3]), _at(document, path[:3])
    if "kind" not in inits:
        if not any(name in scheme.model_fields for scheme in SCHEMES.values()):
            return None
        return f"{name} is a parameter of a scheme, not of the layer: {_BY_PARAMETER}"
    if item["type"] != "extra_forbidden" or not isinstance(inits[name], str | dict):
        return None
    scheme = SCHEMES[str(inits["kind"])]
    own = {key: value for key, value in inits.items() if key in scheme.model_fields}
    if "weight" in inits:
        return f"{name} is no parameter of {inits['kind']}: write one init, or inits by parameter alone"
    written = json.dumps({"weight": own, **{key: inits[key] for key in inits if key not in own}})
    example = f'{{"weight": {{"kind": "{scheme.spellings()[0]}"}}, "{name}": …}}'
    remedy = written if len(written) <= MAX_WRITTEN else example
    return f"{name} is no parameter of {inits['kind']}: write the inits by parameter, as {remedy}"


def misplaced(document: Any) -> str:
    """The end of a sentence about a document that is no object, or is an entry: where it belongs."""
    if isinstance(document, str) and document.lstrip()[:1] in ("{", "["):
        return ", and this is a string that holds JSON: it was encoded twice, send the object itself"
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return ': write {"layers": […]} around this list of entries'
    return ""


def _not_an_init(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'{_INIT}; all elements equal are {{"kind": "constant", "value": {value}}}'
    return _INIT


def _read_size(place: _Location, item: Mapping[str, Any], document: Any) -> list[tuple[Path, str]]:
    """A size is an integer, a list of them, or for a padding a word: each branch has its own error."""
    last = max(at for at, part in enumerate(place.path) if isinstance(part, str))
    root = place.path[: last + 1]
    value = _at(document, root)
    intended = "tuple" if isinstance(value, list) else "int" if type(value) is int else ""
    if intended and intended not in place.branch.split("[")[0]:
        return []
    if not intended or item["type"] in {"missing", "too_long"}:
        field = str(root[-1])
        words = place.model is not None and "same" in str(place.model.model_fields[field].annotation)
        return [(root, (_PADDING if words else _SIZE).format(field=field))]
    return [_sentence(place.path, item, LAYERS["Tensor"])]


def _sentence(path: Path, item: Mapping[str, Any], model: type[BaseModel]) -> tuple[Path, str]:
    """The path and sentence of an error in a field of `model`."""
    kind, context = item["type"], item.get("ctx", {})
    if "parts" in path and str(context.get("tag", item["input"])) == "parts":
        return path, "a part's init cannot be parts: write all parts along the axis in one list"
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        tag = context["discriminator"].strip("'")
        if kind == "union_tag_not_found" and (other := _other_tag(item["input"], tag)) is not None:
            return (*path, other[0]), other[1]
        word, valid = ("scheme", list(SCHEMES)) if tag == "kind" else ("layer type", list(LAYERS))
        if tag == "type" and len(path) > 2:
            word, valid = f"type of {path[-1]}", list(nested_types(model, str(path[-1])))
        elif context.get("tag") in EXCLUDED:
            return (*path, tag), f"there is no {context['tag']} here: {EXCLUDED[context['tag']]}"
        elif tag == "type" and (module := without_tensors(str(context.get("tag")))) is not None:
            given = str(context["tag"])
            known = module if module == given else f"{given} is called {module} here, which"
            return (*path, tag), f"{known} owns no tensors: leave the entry out"
        if kind == "union_tag_invalid":
            return (*path, tag), unknown_name(word, context["tag"], valid)
        required = (*path, tag), f"{tag} is required: one of {', '.join(valid)}"
        return (path, _RULE_INIT) if path[0] == "rules" else required
    if kind == "extra_forbidden":
        if path[0] == "layers" and path[2:] == ("fan_axes",):
            return path, _FAN_AXES
        return path, unknown_name(
            "field", path[-1], [field.alias or name for name, field in model.model_fields.items()]
        )
    field = field_name(path)
    if kind == "float_type" and item["input"] in INFINITIES:
        kind = "finite_number"
    if kind == "int_type" and isinstance(item["input"], float) and abs(item["input"]) >= 1 << 63:
        return path, f"{field} overflows: an integer here is below 2^63"
    if kind == "value_error" and (first := str(context["error"]).split()[0]) in model.model_fields:
        path = (*path, first)
    if kind == "literal_error":
        return path, no_choice(field, item["input"], re.findall(r"'([^']*)'", context["expected"]))
    words = {name: _plain(value) for name, value in context.items()}
    sentence = _SENTENCES.get(kind, "{field} is not valid").format(field=field, **words)
    return path, f"{sentence}{type_remedy(kind, item['input'])}"


def _other_tag(document: Any, tag: str) -> tuple[str, str] | None:
    """The field that says which one is meant in the place of `tag`, and its sentence; an entry has a name."""
    if not isinstance(document, Mapping):
        return None
    own = {name: value for name, value in document.items() if (tag, name) != ("type", "name")}
    return misnamed_choice(own, tag)


def _plain(value: Any) -> Any:
    """A bound without the fraction or the exponent that its float would have: 0 for 0.0."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT_INTEGER
    return int(value) if whole else value


def without_tensors(name: str) -> str | None:
    """The type without tensors of this name, or of this name elsewhere; None for any other.

    Their models take 0.1 s to import, which only a fault needs.
    """
    from tensorseed.spec.modules import MODULES

    if name in MODULES or name in LAYERS:
        return name if name in MODULES else None
    known = synonyms_of("layer type", name, (*LAYERS, *MODULES))
    return next((one for one in known if one in MODULES), None) if len(name) <= MAX_COMPARED_CHARS else None


def _at(document: Any, path: Path) -> Any:
    for part in path:
        document = document[part]
    return document
