"""Canonical recipe: one short JSON text for all specs that mean the same.

- Names are folded into brace ranges, and entries sorted by them.
- Defaults are left out. An init without parameters is its name, in the canonical spelling.
- An entry gives its dtype unless that is float32. The spec as a whole never does.
- The seed is a decimal string.
- Keys are sorted, and nothing is padded.
- 1 and 1.0 are one number, 0.0 and -0.0 are two.

With generator torch the order of entries counts: only neighbours are folded, and nothing is sorted. The
recipe also holds the version of torch, its kernels and the type of device, and an order of inits that changes
a number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

from tensorseed.concurrency.pieces import sort
from tensorseed.spec.layers import Entry
from tensorseed.spec.numbers import spelled
from tensorseed.spec.schemes import Scheme, scheme_of
from tensorseed.spec.schemes.base import defaults_of
from tensorseed.spec.schemes.parts import Part, Parts
from tensorseed.spec.schemes.plain import Constant, Ones, Zeros
from tensorseed.spec.torch_identity import TorchIdentity

DEFAULT_DTYPE = "float32"
CONSTANT = (Zeros, Ones, Constant)  # whose elements are one number
_NAMED = {"0.0": Zeros(kind="zeros"), "1.0": Ones(kind="ones")}  # by the number

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class EntryText(NamedTuple):
    """An entry without its name: the texts before and after it. Equal texts mean equal entries."""

    before: str
    after: str

    def named(self, name: str) -> str:
        """The whole entry."""
        return f"{self.before}{encode_basestring(name)}{self.after}"


def number(value: float) -> int | float | str:
    """`value` in the type with the shortest spelling; minus zero stays a float, and infinities are words."""
    if math.isinf(value):
        return spelled(value)
    if not value.is_integer() or (value == 0 and math.copysign(1.0, value) < 0):
        return value
    whole = int(value)
    return whole if len(str(whole)) <= len(repr(value)) else value


def init_value(scheme: Scheme) -> Any:
    """The JSON value of an init: its name, or an object with the parameters that differ from defaults."""
    parameters = {
        name: _value(value, floats=name == "data")
        for name, default in defaults_of(type(scheme)).items()
        if name != "kind" and repr(value := getattr(scheme, name)) != default
    }
    kind = scheme.spellings()[0]
    return {"kind": kind, **parameters} if parameters else kind


def normalize_init(init: str | Scheme, shape: tuple[int, ...], groups: int = 1) -> Scheme:
    """The scheme that stands for all inits that mean the same in a tensor of `shape`.

    `groups` is that of a convolution. Parts have their sizes written, and neighbours that are alike become
    one: those of one number merge, and others are repeated. A single part is its init.

    Raises:
        ArgumentError: parts do not fill the axis, or an identity divides a group.
    """
    scheme = scheme_of(init)
    if not isinstance(scheme, Parts):
        return scheme.canonical(shape, groups)
    parts = _merged(scheme.canonical(shape, groups), shape)
    first = parts[0]
    if len(parts) == first.repeat == first.copies == 1:
        return first.init
    parts = [part.model_copy(update={"init": _named(part.init)}) for part in parts]
    return scheme.model_copy(update={"axis": scheme.axis_of(shape), "parts": tuple(parts)})


def _merged(scheme: Parts, shape: tuple[int, ...]) -> list[Part]:
    """The parts, whose inits are canonical, in canonical spelling."""
    found: list[Part] = []
    for part, size in zip(scheme.parts, scheme.sizes(shape), strict=True):
        one = part.model_copy(update={"size": size})
        if isinstance(one.init, CONSTANT):
            one = one.model_copy(update={"size": size * part.repeat, "repeat": 1, "copies": 1})
        before = found[-1] if found else None
        alike = before is not None and same_init(_named(before.init), _named(one.init))
        if before is None or before.copies != one.copies or not alike:
            found.append(one)
        elif isinstance(one.init, CONSTANT):
            init = before.init if same_init(before.init, one.init) else _named(one.init)
            found[-1] = before.model_copy(update={"size": (before.size or 0) + (one.size or 0), "init": init})
        elif before.size == one.size:
            found[-1] = before.model_copy(update={"repeat": before.repeat + one.repeat})
        else:
            found.append(one)
    return found


def _named(init: Scheme) -> Scheme:
    """`zeros` and `ones` for constants of these numbers, which beside others mean the same."""
    return _NAMED.get(repr(init.value), init) if isinstance(init, Constant) else init


def same_init(one: Scheme, other: Scheme) -> bool:
    """Whether two inits mean the same."""
    return one is other or (
        init_value(one) == init_value(other) and dump(init_value(one)) == dump(init_value(other))
    )


def entry_text(entry: Entry, dtype: str, init: Scheme | Mapping[str, Scheme]) -> EntryText:
    """The canonical text of `entry` without its name, with its effective `dtype` and the given `init`."""
    members: dict[str, Any] = {**entry.arguments(), "type": entry.type}
    if dtype != DEFAULT_DTYPE:
        members["dtype"] = dtype
    if entry.stream is not None:
        members["stream"] = entry.stream
    if entry.seed is not None:
        members["seed"] = str(entry.seed)
    if isinstance(init, Scheme):
        members["init"] = init_value(init)
    elif init:
        members["init"] = {name: init_value(scheme) for name, scheme in init.items()}
    before, after = "{", ""
    for name in sorted(members):
        if name < "name":
            before += f'"{name}":{_text(members[name])},'
        else:
            after += f',"{name}":{_text(members[name])}'
    return EntryText(f'{before}"name":', f"{after}}}")


def recipe_text(seed: int, entries: Iterable[tuple[str, EntryText]]) -> str:
    """The recipe of entries, pairs of folded name and text, in any order."""
    ordered = [*entries]
    sort(ordered, itemgetter(0))
    texts = [body.named(name) for name, body in ordered]
    return f'{{"layers":[{",".join(texts)}],"seed":"{seed}"}}'


def ordered_recipe_text(
    seed: int, entries: Iterable[tuple[str, EntryText]], torch: TorchIdentity, *, interleaved: bool
) -> str:
    """The recipe of generator torch: entries in order, with what else decides the bits."""
    texts = ",".join(body.named(name) for name, body in entries)
    order = '"init_order":"interleaved",' if interleaved else ""
    return (
        f'{{"device":"{torch.device}","generator":"torch",{order}"layers":[{texts}],"seed":"{seed}",'
        f'"torch_kernels":"{torch.kernels}","torch_version":"{torch.version}"}}'
    )


def dump(value: Any) -> str:
    """JSON with sorted keys and without spaces."""
    return _ENCODER.encode(value)


def _text(value: Any) -> str:
    """`dump(_value(value))`, with fast paths for common types."""
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is str:
        return encode_basestring(value)
    if kind is float and math.isfinite(value):
        return repr(number(value))
    if kind is tuple and all(type(part) is int for part in value):
        return f"[{','.join(map(str, value))}]"
    if kind is dict:
        parts = [f"{encode_basestring(name)}:{_text(value[name])}" for name in sorted(value)]
        return f"{{{','.join(parts)}}}"
    return dump(_value(value))


def _value(value: Any, *, floats: bool = False) -> Any:
    """The JSON value; with `floats` integers are floats with a short spelling, as in literal data."""
    if isinstance(value, list | tuple):
        return [_value(part, floats=floats) for part in value]
    if isinstance(value, Part):
        numbers = {name: getattr(value, name) for name in ("repeat", "copies") if getattr(value, name) > 1}
        return {"size": value.size, "init": init_value(value.init), **numbers}
    if isinstance(value, dict):
        return {name: _value(part) for name, part in value.items()}
    if isinstance(value, float) or (floats and isinstance(value, int) and not isinstance(value, bool)):
        return number(float(value))
    return value
