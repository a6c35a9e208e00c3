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
from tensorseed.spec.json.pointers import Path
from tensorseed.spec.json.text import dump
from tensorseed.spec.layers import LAYERS
from tensorseed.spec.numbers import spelled
from tensorseed.spec.rules.layer_types import TORCH_CLASSES
from tensorseed.spec.schemes import SCHEMES, ArgumentError
from tensorseed.spec.spellings.names import respell_entry, respell_init, scheme_kind

MAX_AXES = 64  # of one role

_ELSEWHERE = {
    "seed": "the seed is the spec's, or the entry's own: write it there, and leave seed out here",
    "key": "the seed is the spec's, or the entry's own: write it there, and leave key out here",
    "dtype": "the dtype is the entry's: write it beside init, and leave it out here",
}
_TORCHS_LAYOUT = (
    "{0} is for a Tensor: a weight of a layer has torch's layout (out, in, *kernel), whose fans count"
)
_TWICE = "{0} and fan_axes name the same axes: leave one of them out"
_NO_RANK = "which axes {0} leaves out depends on the shape: write fan_axes in their place"

Axes = dict[str, Any]


LAYER_TYPES = frozenset(LAYERS)
_RULE_TYPES = LAYER_TYPES | frozenset(TORCH_CLASSES)


def normalise_entry(entry: Any, path: Path, faults: list[Located]) -> Any:
    """The entry at `path` in canonical spellings, with schemes in place of other frameworks' initializers.

    An initializer that is not valid is a fault. What is no initializer stays as it is.
    """
    return _translate_entry(respell_entry(entry, LAYER_TYPES), path, faults)


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
    holder = _Holder(axes, rank)
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


class _Holder:
    """A tensor that an init fills: what becomes its axes, and its rank where that is known.

    `layout` is what its axes are by default, as the framework has them.
    """

    def __init__(self, axes: Axes, rank: int | None) -> None:
        self.axes = axes
        self.layout: Mapping[str, int] = {}
        self.rank = rank


def _by_name(inits: Any, path: Path, faults: list[Located]) -> Any:
    """The inits of a layer, by parameter or one for all."""
    if not isinstance(inits, dict) or isinstance(inits.get("kind"), str):
        return _init(inits, path, faults, None)
    changed = {}
    for name, init in inits.items():
        translated = _init(init, (*path, name), faults, None)
        if translated is not init:
            changed[name] = translated
    return {**inits, **changed} if changed else inits


def _init(init: Any, path: Path, faults: list[Located], holder: _Holder | None) -> Any:
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
    return _within(init, path, faults) if isinstance(init, dict) else init


def _within(init: dict[str, Any], path: Path, faults: list[Located]) -> Any:
    """The init with the inits of its parts translated."""
    changed: dict[str, Any] = {}
    for name, value in init.items():
        if name == "init":
            translated = _init(value, (*path, name), faults, None)
        elif isinstance(value, list) and name != "data":
            parts = [
                _within(part, (*path, name, index), faults) if isinstance(part, dict) else part
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


def _translated(found: Found, init: Any, path: Path, faults: list[Located], holder: _Holder | None) -> Any:
    if isinstance(init, str) and (required := found.initializer.required):
        detail = f"{init} needs {' and '.join(required)}: write it as an object with kind and {required[0]}"
        faults.append((path, detail))
        return init
    given = {} if isinstance(init, str) else {name: value for name, value in init.items() if name != "kind"}
    try:
        arguments, axes = _sorted(found, given)
        _set_axes(found, axes, holder)
        model = found.model().model_validate_json(dump(arguments))
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


def _set_axes(found: Found, given: Axes, holder: _Holder | None) -> None:
    """Add the `fan_axes` that the axes of an initializer mean to its holder.

    Raises:
        ArgumentError: they are no axes, or nothing there can have them.
    """
    if not given:
        if holder is not None and found.initializer.uses_layout:
            holder.layout = found.framework.layout
        return
    first = next(iter(given))
    if holder is None:
        raise ArgumentError((first,), _TORCHS_LAYOUT.format(first))
    axes = {}
    for name, (role, default) in found.framework.axes.items():
        axis = _axis(name, given[name]) if name in given else default
        if axis is None and role != "batch":
            raise ArgumentError((first,), f"{name} is missing: give the axes of inputs and of outputs")
        if axis is not None and axis != []:
            axes[role] = axis
    if found.framework.others_repeat:
        if holder.rank is None:
            raise ArgumentError((first,), _NO_RANK.format(first))
        others = _others(axes, holder.rank)
        axes |= {"batch": others} if others else {}
    holder.axes.update(axes)


def _axis(name: str, value: Any) -> int | list[int]:
    if type(value) is int:
        return value
    if isinstance(value, list) and len(value) <= MAX_AXES and all(type(axis) is int for axis in value):
        return value[0] if len(value) == 1 else value
    raise ArgumentError((name,), f"{name} must be an axis, or a list of axes such as [0, 1]")


def _others(axes: Axes, rank: int) -> list[int]:
    """The axes of a tensor that none of those named is."""
    named = [axis for value in axes.values() for axis in (value if isinstance(value, list) else [value])]
    taken = {axis + rank if axis < 0 else axis for axis in named}
    return [axis for axis in range(rank) if axis not in taken]


def _axes_of(init: Mapping[str, Any]) -> list[str]:
    found = find(str(init["kind"]))
    return [] if found is None else [*found.framework.axes]
