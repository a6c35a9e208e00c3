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
from tensorseed.spec.torch_identity import TorchIdentity

DEFAULT_DTYPE = "float32"

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

    `groups` is that of a convolution.
    """
    return scheme_of(init).canonical(shape, groups)


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
    if isinstance(value, dict):
        return {name: _value(part) for name, part in value.items()}
    if isinstance(value, float) or (floats and isinstance(value, int) and not isinstance(value, bool)):
        return number(float(value))
    return value
