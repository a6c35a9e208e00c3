"""Translation of other frameworks' initializers into schemes.

A translated init is one of `spec.schemes`, so that a recipe and its token are those of the scheme. Where the
initializer names axes, they become the `fan_axes` of the tensor that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from tensorseed.spec.faults import Located, explain
from tensorseed.spec.frameworks import Found, Init, find
from tensorseed.spec.frameworks.axes import Axes, Holder, set_axes
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.numbers import spelled
from tensorseed.spec.rules.layer_types import TORCH_CLASSES
from tensorseed.spec.schemes import SCHEMES, ArgumentError
from tensorseed.spec.spellings.choices import respell_choices
from tensorseed.spec.spellings.names import respell_entry, respell_init, scheme_kind
from tensorseed.suggestions import misnamed_choice

_ELSEWHERE = {
    "seed": "the seed is the spec's, or the entry's own: write it there, and leave seed out here",
    "key": "the seed is the spec's, or the entry's own: write it there, and leave key out here",
    "dtype": "the dtype is the entry's: write it beside init, and leave it out here",
}
_OF_MATRICES = (
    "{0} fills tensors of two dimensions here: for more use eye, with fan_axes that say which are matrices"
)
_TWICE = "{0} and fan_axes name the same axes: leave one of them out"

LAYER_TYPES = frozenset(LAYERS)
_RULE_TYPES = LAYER_TYPES | frozenset(TORCH_CLASSES)


def normalise_entry(entry: Any, path: Path, faults: list[Located]) -> Any:
    """The entry at `path` in canonical spellings, with schemes in place of other frameworks' initializers.

    An initializer that is not valid is a fault. What is no initializer stays as it is.
    """
    found = respell_entry(entry, LAYER_TYPES)
    layer = LAYERS.get(str(found.get("type"))) if isinstance(found, dict) else None
    return _translate_entry(found if layer is None else respell_choices(found, layer), path, faults)


def normalise_rule(rule: Any, path: Path, faults: list[Located]) -> Any:
    """As `normalise_entry`, for a rule."""
    return _translate_rule(respell_entry(rule, _RULE_TYPES), path, faults)


def normalise_init(init: Any, path: Path, faults: list[Located]) -> Any:
    """As `normalise_entry`, for an init alone, of tensors in torch's layout."""
    return _init(respell_init(init), path, faults, None)


def _translate_entry(entry: Any, path: Path, faults: list[Located]) -> Any:
    init = entry.get("init") if isinstance(entry, dict) else None
    if init is None:
        return entry
    if entry.get("type") == "Tensor":
        return _translate_rule(entry, path, faults)
    translated = _by_name(init, (*path, "init"), faults)
    return entry if translated is init else {**entry, "init": translated}


def _translate_rule(entry: Any, path: Path, faults: list[Located]) -> Any:
    """Translate what has one init and can have `fan_axes`: a rule, or a bare tensor."""
    init = entry.get("init") if isinstance(entry, dict) else None
    if init is None:
        return entry
    axes, shape = Axes(), entry.get("shape")
    rank = len(shape) if isinstance(shape, list) else None
    holder = Holder(axes, rank)
    translated = _init(init, (*path, "init"), faults, holder)
    if translated is init:
        return entry
    if entry.get("fan_axes") is None and entry.get("type") == "Tensor" and (rank is None or rank > 1):
        axes = axes or dict(holder.layout)
    if axes and entry.get("fan_axes") is not None:
        name = next(name for name in init if name in _axes_of(init))
        faults.append(((*path, "init", name), _TWICE.format(name)))
    return {**entry, "init": translated, **({"fan_axes": axes} if axes else {})}


def sent_path(entry: Any, path: Path) -> Path:
    """The part of a fault's `path` that the entry as sent has.

    A scheme's parameter may be translated, and `fan_axes` may be an initializer's.
    """
    if path[:1] == ("fan_axes",) and isinstance(entry, dict):
        return _sent_axes(entry, path)
    if path[:1] != ("init",) or not isinstance(entry, dict):
        return path
    at: Any = entry
    for depth, part in enumerate(path):
        init = at if isinstance(at, str) or (isinstance(at, dict) and "kind" in at) else None
        kind = init.get("kind") if isinstance(init, dict) else init
        if isinstance(kind, str) and scheme_kind(kind) not in SCHEMES:
            return path if isinstance(init, dict) and part in init else path[:depth]
        inside = part in at if isinstance(at, dict) else isinstance(at, list)
        if not inside:
            return path
        at = at[part]
    return path


def _sent_axes(entry: Mapping[str, Any], path: Path) -> Path:
    """The initializer's parameter for a path into `fan_axes`; the path itself where the entry has those."""
    sent = entry.get("init")
    init = {"kind": sent} if isinstance(sent, str) else sent
    if entry.get("fan_axes") is not None or not isinstance(init, dict):
        return path
    found = find(str(init.get("kind")))
    if found is None:
        return path
    roles = {name: role for name, (role, _) in found.framework.axes.items() if init.get(name) is not None}
    names = [name for name, role in roles.items() if role in path[1:2]] or [*roles]
    return ("init", *names[:1])


def sent_rule_path(rules: Sequence[Any], path: Path) -> Path:
    """As `sent_path`, for a fault of a spec that may be in one of its rules."""
    if len(path) < 3 or path[0] != "rules":
        return path
    return (*path[:2], *sent_path(rules[int(path[1])], path[2:]))


def parameters_of(kind: str) -> list[str] | None:
    """The parameters of the initializer that `kind` names; None where it names none.

    Raises:
        ValueError: see `frameworks.find`.
    """
    found = find(kind)
    return None if found is None else [*found.parameters(), *found.initializer.ignored]


def _by_name(inits: Any, path: Path, faults: list[Located]) -> Any:
    """The inits of a layer, by parameter or one for all."""
    if not isinstance(inits, dict) or isinstance(inits.get("kind"), str):
        return _init(inits, path, faults, None)
    if (other := misnamed_choice(inits, "kind")) is not None:
        faults.append(((*path, other[0]), other[1]))
        return inits
    changed = {}
    for name, init in inits.items():
        translated = _init(init, (*path, name), faults, None)
        if translated is not init:
            changed[name] = translated
    return {**inits, **changed} if changed else inits


def _init(init: Any, path: Path, faults: list[Located], holder: Holder | None) -> Any:
    """The init in terms of schemes; the same object where it is so already, or is not valid."""
    kind = init.get("kind") if isinstance(init, dict) else init
    if isinstance(kind, str) and kind not in SCHEMES:
        try:
            found = find(kind)
        except ValueError as error:
            faults.append(((*path, "kind") if isinstance(init, dict) else path, str(error)))
            return init
        if found is not None:
            return _translated(found, init, path, faults, holder)
    part = None if holder is None else Holder({}, holder.rank, part=True)
    return _within(init, path, faults, part) if isinstance(init, dict) else init


def _within(init: dict[str, Any], path: Path, faults: list[Located], holder: Holder | None) -> Any:
    """The init with the inits of its parts translated."""
    changed: dict[str, Any] = {}
    for name, value in init.items():
        if name == "init":
            translated = _init(value, (*path, name), faults, holder)
        elif isinstance(value, list) and name != "data":
            parts = [
                _within(part, (*path, name, index), faults, holder) if isinstance(part, dict) else part
                for index, part in enumerate(value)
            ]
            translated = value if all(map(_same, parts, value)) else parts
        else:
            continue
        if translated is not value:
            changed[name] = translated
    return {**init, **changed} if changed else init


def _same(one: object, other: object) -> bool:
    return one is other


def _translated(found: Found, init: Any, path: Path, faults: list[Located], holder: Holder | None) -> Any:
    if isinstance(init, str) and (required := found.initializer.required):
        detail = f"{init} needs {' and '.join(required)}: write it as an object with kind and {required[0]}"
        faults.append((path, detail))
        return init
    given = {} if isinstance(init, str) else {name: value for name, value in init.items() if name != "kind"}
    try:
        if found.initializer.of_matrices and holder is not None and holder.rank not in (None, 2):
            raise ArgumentError((), _OF_MATRICES.format(found.full_name))
        arguments, axes = _sorted(found, given)
        set_axes(found, axes, holder)
        model = found.model().model_validate_json(dump(respell_choices(arguments, found.model())))
        values = {name: getattr(model, name) for name in found.initializer.parameters}
        return _written(found.initializer.init(**values))
    except ArgumentError as error:
        faults.append(((*path, *error.path), str(error)))
    except ValidationError as error:
        inner = explain(error, given, found.model())
        faults += [((*path, *where), detail) for where, detail in inner]
    return init


def _written(init: Init) -> Init:
    """The init as JSON has it, with words for infinities."""
    if isinstance(init, str):
        return init
    return {name: spelled(value) if isinstance(value, float) else value for name, value in init.items()}


def _sorted(found: Found, given: Mapping[str, Any]) -> tuple[dict[str, Any], Axes]:
    """The arguments of the initializer, and its axes.

    Raises:
        ArgumentError: one of them belongs elsewhere.
    """
    arguments, axes = {}, {}
    refused = {**_ELSEWHERE, **found.framework.refused}
    for name, value in given.items():
        if found.initializer.has_axes and name in found.framework.axes:
            axes[name] = value
        elif name in refused and name not in found.initializer.parameters:
            if value is not None and not _is_ignored(found, name, value):
                raise ArgumentError((name,), refused[name])
        else:
            arguments[name] = value
    return arguments, {name: value for name, value in axes.items() if value is not None}


def _is_ignored(found: Found, name: str, value: Any) -> bool:
    return type(value) is int and found.initializer.ignored.get(name) == value


def _axes_of(init: Mapping[str, Any]) -> list[str]:
    found = find(str(init["kind"]))
    return [] if found is None else [*found.framework.axes]
