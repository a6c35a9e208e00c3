"""Query parameters of a tensor: `?shape=256,784&init=ones&seed=42`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tensorseed.errors import Fault, SpecError, shortened
from tensorseed.spec.json.numbers import InexactNumberError
from tensorseed.spec.json.text import load
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spellings.names import scheme_kind
from tensorseed.spec.spellings.values import (
    dimensions,
    integer_remedy,
    integer_text,
    number_text,
    unquoted_values,
)
from tensorseed.spec.torch_identity import TorchIdentity
from tensorseed.spec.translation import parameters_of
from tensorseed.suggestions import unknown_name

QUERY_PARAMETERS = (
    "shape",
    "init",
    "seed",
    "dtype",
    "generator",
    "device",
    "torch_version",
    "torch_kernels",
    "name",
    "fan_axes",
    "padding_idx",
)  # any other is a parameter of the scheme
DEFAULT_NAME = "weight"

_ENTRY_FIELDS = ("fan_axes", "padding_idx")
_SPEC_FIELDS = ("seed", "dtype", "generator", "device", "torch_version", "torch_kernels")

_LIST = "shape must be integers with commas between them"
_INTEGER = re.compile(r"-?[0-9]{1,1000}")
_NUMBER = re.compile(r"-?[0-9]")
MAX_READ = 256  # characters of an init that is no name
_WORD = re.compile(r"[A-Za-z]\w*")
_NAMED = re.compile(r"""([A-Za-z]\w*)["']?\s*[:=]\s*(?=["']?([\w.+-]+))""")
_ANY_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}
_ANY_PARAMETER = {name: None for scheme in SCHEMES.values() for name in scheme.model_fields if name != "kind"}


def document(params: Mapping[str, str]) -> dict[str, Any]:
    """The JSON document of the spec that the parameters describe.

    Raises:
        SpecError: neither the query nor the scheme has a parameter of this name.
    """
    broken = [key for key, text in params.items() if key != "name" and not (_is_text(key) and _is_text(text))]
    if broken:
        raise SpecError([Fault(repr(key)[1:-1], "a parameter must be valid Unicode") for key in broken])
    params = unquoted_values(params)
    entry: dict[str, Any] = {"type": "Tensor", "name": params.get("name", DEFAULT_NAME)}
    if "shape" in params:
        entry["shape"] = _shape(params["shape"])
    if "init" in params:
        entry["init"] = _init(params)
    else:
        _check_parameters(params, _ANY_PARAMETER)
    entry |= {key: _value(key, params[key]) for key in _ENTRY_FIELDS if key in params}
    spec = {key: params[key] for key in _SPEC_FIELDS if key in params}
    if "seed" in spec:
        spec["seed"] = integer_text(spec["seed"])
    if "torch_version" in spec:
        spec["torch_version"] = _version(spec["torch_version"])
    return {**spec, "layers": [entry]}


def names_torch(params: Mapping[str, str], identity: TorchIdentity) -> bool:
    """Whether the parameters name the very torch that draws, and not a part of its identity."""
    version, kernels = params.get("torch_version", ""), params.get("torch_kernels", "")
    return (_version(version), kernels) == (identity.version, identity.kernels)


def _version(text: str) -> str:
    """The version in a query, where `+` stands for a space unless it is escaped."""
    return text.replace(" ", "+")


def _shape(text: str) -> list[int]:
    """The dimensions, none for an empty text.

    Raises:
        SpecError: they are separated in several ways, or one is no integer; the sentence says what to write.
    """
    parts = dimensions(text)
    if parts is None:
        raise SpecError.at("shape", _two_shapes(text) or f"{_LIST}, such as 256,784")
    parts = [integer_text(part) for part in parts]
    for part in parts:
        if not _INTEGER.fullmatch(part):
            detail = f"each number of shape must be an integer{integer_remedy(part)}"
            raise SpecError.at("shape", detail if ":" in detail else f"{_LIST}, such as 256,784")
        if len(part) > 1 and part.startswith("0"):
            detail = f"{shortened(part)} has a leading zero, and commas are between dimensions"
            raise SpecError.at(
                "shape", f"{detail}: write {shortened(part.lstrip('0') or '0')}, or 1024 for 1,024"
            )
    return [max(min(int(part), 1 << 63), -1) for part in parts]


def _two_shapes(text: str) -> str | None:
    """The sentence for what is a hexadecimal integer and a shape of two dimensions; None for any other."""
    if not re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", text):
        return None
    as_two = f", or 0,{int(text[2:])} for two dimensions" if text[2:].isdecimal() else ""
    return f"{text} has two meanings: write {int(text, 16)} for one dimension{as_two}"


def _is_text(text: str) -> bool:
    """Whether it holds no lone surrogates, which UTF-8 cannot spell."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _init(params: Mapping[str, str]) -> dict[str, Any]:
    kind = scheme_kind(params["init"])
    parameters = {key: _value(key, text) for key, text in params.items() if key not in QUERY_PARAMETERS}
    valid = _parameters(kind)
    if valid is not None:
        _check_parameters(parameters, valid)
    elif re.search(r"[({:=]", kind):
        detail = "an init is a name here, and its parameters are parameters"
        raise SpecError.at("init", f"{detail}: write {_as_parameters(kind)}")
    else:
        parameters = {}
    return {"kind": kind, **parameters}


def _as_parameters(text: str) -> str:
    """The parameters for an init that is written as an object, a call or the like; an example of no scheme.

    >>> _as_parameters('{"kind":"normal","std":0.5}'), _as_parameters("uniform(-1, 1)")
    ('init=normal&std=0.5', 'init=uniform&a=-1&b=1')
    """
    words = map(scheme_kind, _WORD.findall(text[:MAX_READ]))
    kind = next((word for word in words if word in SCHEMES), None)
    if kind is None:
        return "init=normal&std=0.02"
    own = [name for name in SCHEMES[kind].model_fields if name != "kind"]
    named = {name: value for name, value in _NAMED.findall(text[:MAX_READ]) if name in own}
    inner = text[:MAX_READ].partition("(")[2].rpartition(")")[0]
    numbers = [part for part in re.split(r"[\s,]+", inner) if _ANY_NUMBER.fullmatch(part)]
    given = named or (dict(zip(own, numbers, strict=False)) if len(numbers) <= len(own) else {})
    return "&".join([f"init={kind}", *(f"{name}={value}" for name, value in given.items())])


def _parameters(kind: str) -> list[str] | None:
    """The parameters of a scheme, or of another framework's initializer; None where the kind is unknown."""
    if kind in SCHEMES:
        return [name for name in SCHEMES[kind].model_fields if name != "kind"]
    try:
        return parameters_of(kind)
    except ValueError:
        return None


def _check_parameters(parameters: Iterable[str], valid: Collection[str]) -> None:
    """Raise SpecError for parameters that neither the query nor the scheme has."""
    wrong = [
        Fault(name, unknown_name("parameter", name, [*QUERY_PARAMETERS, *valid]))
        for name in parameters
        if name not in valid and name not in QUERY_PARAMETERS
    ]
    if wrong:
        raise SpecError(wrong)


def _value(key: str, text: str) -> Any:
    """A JSON number, boolean or list; any other text stands for itself."""
    if text.casefold() in _BOOLEANS:
        return _BOOLEANS[text.casefold()]
    text = number_text(text)
    if _NUMBER.match(text) or text.startswith("{" if key == "fan_axes" else "["):
        try:
            return load(text.encode())
        except InexactNumberError as error:
            raise SpecError.at(key, error.faults[0].detail) from None
        except SpecError:
            pass
    if key == "fan_axes":
        raise SpecError.at(key, 'fan_axes is not valid JSON: write an object such as {"in":-2,"out":-1}')
    if key == "data":
        raise SpecError.at(key, "data is not valid JSON: write a number, or a list of numbers such as [1,2]")
    return text


def point_at_parameters(faults: Iterable[Fault]) -> list[Fault]:
    """The faults of the document, with the names of query parameters as pointers."""
    return [Fault(_parameter(fault.pointer), fault.detail) for fault in faults]


def _parameter(pointer: str) -> str:
    parts = pointer.split("/")[1:]
    if not parts:
        return pointer
    if parts[:2] == ["layers", "0"]:
        parts = parts[2:]
    if parts[:1] == ["init"] and len(parts) > 1 and parts[1] != "kind":
        parts = parts[1:]
    return "shape" if parts[:1] in ([], ["layers"]) else parts[0]
