"""JSON texts of documents of Python: numpy's numbers, tuples, mappings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorseed.errors import Fault, SpecError, shortened
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, finite_fault, is_bound, pointer
from tensorseed.spec.json.text import TOO_DEEP
from tensorseed.spec.numbers import spelled

MAX_BITS = 1_024  # of an integer that can be finite in float64


def to_json(document: Any) -> bytes:
    """Return the JSON text of a document.

    Numbers and arrays of numpy become numbers and lists, tuples lists, mappings objects, and dtypes names.

    >>> to_json({"shape": (np.int64(2), 3), "data": np.array([0.5, 1])})
    b'{"shape": [2, 3], "data": [0.5, 1.0]}'

    Raises:
        SpecError: a value has no JSON, such as NaN or a set; each fault has its pointer.
    """
    try:
        return json.dumps(document, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):  # the values beyond JSON are looked for only then
        pass
    faults: list[Fault] = []
    try:
        plain = _plain(document, (), faults)
    except RecursionError:
        raise SpecError.at("", TOO_DEEP) from None
    if faults:
        raise SpecError(faults[:MAX_FAULTS])
    return json.dumps(plain, allow_nan=False).encode()


def _plain(value: Any, path: Path, faults: list[Fault]) -> Any:
    """The value in types that the writer of JSON knows; None with a fault for one that JSON lacks."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    match value:
        case None | bool() | str():
            return value
        case int() if value.bit_length() <= MAX_BITS:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case float() if math.isinf(value) and is_bound(path):
            return spelled(value)
        case int() | float():
            faults.append(Fault(*finite_fault(path)))
        case Mapping():
            return {
                _name(name, path, faults): _plain(part, (*path, str(name)), faults)
                for name, part in value.items()
            }
        case list() | tuple():
            return [_plain(part, (*path, index), faults) for index, part in enumerate(value)]
        case _ if (name := _dtype_name(value)) is not None:
            return name
        case _:
            kind = type(value).__name__
            detail = f"a value of type {kind} has no JSON: write a number, a text, a list or an object"
            faults.append(Fault(pointer(path), detail))
    return None


def dtype_text(value: Any) -> str:
    """The text of a dtype, or its name where it is one of numpy, JAX or torch.

    Raises:
        TypeError: it is neither.
    """
    text = value if isinstance(value, str) else _dtype_name(value)
    if text is None:
        raise TypeError(f"a dtype is a name, or one of numpy, JAX or torch, and not {type(value).__name__}")
    return text


def _dtype_name(value: Any) -> str | None:
    """The name of a dtype of numpy, JAX or torch, such as `np.float32`; None for anything else."""
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, type) and isinstance(own := getattr(value, "dtype", None), np.dtype):
        return own.name  # of jax.numpy.float32 and the others
    kind = type(value)
    return str(value) if (kind.__module__, kind.__name__) == ("torch", "dtype") else None


def _name(name: Any, path: Path, faults: list[Fault]) -> str:
    if not isinstance(name, str):
        detail = f"the name of a field is a text: write {str(name)!r} for {shortened(repr(name))}"
        faults.append(Fault(pointer(path), detail))
    return str(name)


def spell_nonfinite(value: Any) -> Any:
    """The value with every non-finite number in it as its word."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: spell_nonfinite(part) for key, part in value.items()}
    return [spell_nonfinite(part) for part in value] if isinstance(value, list | tuple) else value
