"""Arrays of numpy and torch as JSON lists and as a safetensors file."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tensorseed.errors import UnrepresentableError, shortened
from tensorseed.files.header import ITEM_BYTES, write_header
from tensorseed.sampling.dtypes import COMPUTE_DTYPES, DTYPES
from tensorseed.spec.json.values import to_json

_CODES: Mapping[str, str] = {
    **{name: dtype.code for name, dtype in DTYPES.items()},
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    "bool": "BOOL",
}
"""safetensors' codes by the names that torch and numpy have for dtypes."""


class RawArray(NamedTuple):
    """An array by torch's name of its dtype, its shape and its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview

    @property
    def is_floating(self) -> bool:
        """Whether a loss can be computed in its dtype."""
        return self.dtype in COMPUTE_DTYPES


def is_array(value: Any) -> bool:
    """Return whether a value is an array of some library; a number of numpy is none."""
    return hasattr(value, "__array__") and not isinstance(value, np.generic | type)


def raw_array(value: Any) -> RawArray:
    """Return the bytes of an array, without a copy where it is contiguous on the CPU.

    Raises:
        UnrepresentableError: a safetensors file has no such dtype.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous()
        dtype, shape = str(flat.dtype).removeprefix("torch."), tuple(flat.shape)
        whole = flat.reshape(-1).view(torch.uint8).numpy() if dtype in _CODES else None
    else:
        array = np.asarray(value)
        dtype, shape = array.dtype.name, array.shape
        array = array.astype(array.dtype.newbyteorder("<"), copy=False) if dtype in _CODES else array
        whole = np.ascontiguousarray(array).reshape(-1).view(np.uint8) if dtype in _CODES else None
    if whole is None:
        raise UnrepresentableError(f"an array of {shortened(dtype)} cannot be sent: convert it to float32")
    return RawArray(dtype, shape, whole.data)


def write_arrays(arrays: Mapping[str, RawArray]) -> bytes:
    """Return the safetensors file of some arrays, those of the widest elements first."""
    ordered = sorted(arrays.items(), key=lambda item: -ITEM_BYTES[_CODES[item[1].dtype]])
    described = ((name, _CODES[raw.dtype], raw.shape, raw.data.nbytes) for name, raw in ordered)
    return b"".join([write_header(described, None), *(raw.data for _, raw in ordered)])


def json_text(document: Any) -> bytes:
    """Return a document as JSON, in which every number has its exact value.

    Arrays become nested lists. Numbers that are not finite become the words NaN, Infinity and -Infinity.

    Raises:
        SpecError: a value has no JSON; each fault has its pointer.
    """
    return to_json(_spelled(document))


def _spelled(value: Any) -> Any:
    match value:
        case float() | np.floating():
            number = float(value)
            return number if math.isfinite(number) else _word(number)
        case Mapping():
            return {key: _spelled(part) for key, part in value.items()}
        case list() | tuple():
            return [_spelled(part) for part in value]
    return _lists(value) if is_array(value) else value


def _lists(value: Any) -> Any:
    """Return an array as nested lists of Python's numbers."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    array = np.asarray(value)
    if array.dtype.name not in _CODES:
        raw_array(array)
    if array.dtype.name in DTYPES and not DTYPES[array.dtype.name].is_integer:
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            return _spelled(array.tolist())
    return array.tolist()


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
