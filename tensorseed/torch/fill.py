"""Initialisation of one tensor, whole or a part of a whole, by a scheme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, TypeVar

import torch

from tensorseed.concurrency.float_environment import default_float_environment
from tensorseed.devices.local import LIMITS
from tensorseed.errors import SliceError, SpecError
from tensorseed.files.slices import Box
from tensorseed.spec.json.values import to_json
from tensorseed.spec.names import check_name
from tensorseed.spec.query import point_at_parameters
from tensorseed.spec.resolved import ResolvedSpec
from tensorseed.spec.spec import parse_spec
from tensorseed.torch.filling import fill_part, fill_tensors
from tensorseed.torch.memory import check_fillable, dtype_of, is_dtensor, sizes_of
from tensorseed.torch.ties import addresses_of

T = TypeVar("T", bound=torch.Tensor)


def fill_(
    tensor: T,
    init: str | Mapping[str, Any],
    *,
    name: str,
    seed: int = 0,
    global_shape: Sequence[int] | None = None,
    offset: Sequence[int] | None = None,
    fan_axes: Mapping[str, int | Sequence[int]] | None = None,
    padding_idx: int | None = None,
    **parameters: Any,
) -> T:
    """Fill a tensor in place with the elements that the service sends for it, and return it.

    `init` is a scheme's name, with its parameters by name, or a spec's object such as
    `{"kind": "normal", "std": 0.02}`.
    `name` and `seed` key the draw; `fan_axes` and `padding_idx` are those of a spec's bare tensor.
    The elements are those of `{"name": name, "type": "Tensor", "shape": …, "init": …}` in the tensor's dtype.

    A DTensor gets its part of the whole, in every placement but a partial sum.
    A part that was made by hand has the whole's `global_shape`, and its first element is at `offset` of it.
    Fans are those of the whole. No process communicates, and torch's random state is untouched.

    >>> weight = torch.empty(256, 784)
    >>> _ = fill_(weight, "kaiming_normal", name="fc1.weight", seed=42, mode="fan_out")
    >>> rows = fill_(torch.empty(64, 784), "kaiming_normal", name="fc1.weight", seed=42, mode="fan_out",
    ...              global_shape=(256, 784), offset=(128, 0))
    >>> torch.equal(rows, weight[128:192])
    True

    Raises:
        SpecError: the scheme, a parameter, the name or the seed is not valid; `faults` has the remedies.
        SliceError: the tensor does not fit into `global_shape` at `offset`.
        TensorError: the tensor cannot be filled, such as one on the meta device; it is unchanged.
    """
    check_fillable(tensor)
    box = _box(tensor, global_shape, offset)
    entry: dict[str, Any] = {
        "type": "Tensor",
        "name": name,
        "shape": tuple(tensor.shape) if box is None else box.full,
        "dtype": dtype_of(tensor).name,
        "init": _init(init, parameters),
    }
    optional = {"fan_axes": fan_axes, "padding_idx": padding_idx}
    entry |= {field: value for field, value in optional.items() if value is not None}
    resolved = _resolve({"seed": seed, "layers": [entry]})
    if box is None:
        fill_tensors(
            [tensor], addresses_of([tensor]), resolved.tensors, sizes_of(resolved.tensors), resolved.seed
        )
        return tensor
    fill_part(tensor, resolved.tensors[0], box, resolved.seed)
    return tensor


def _box(
    tensor: torch.Tensor, global_shape: Sequence[int] | None, offset: Sequence[int] | None
) -> Box | None:
    """Return the box of a part that was made by hand; None for a tensor that is whole by itself."""
    if global_shape is None and offset is None:
        return None
    if global_shape is None or offset is None:
        raise SliceError("a part needs both: the whole's global_shape, and the offset of its first element")
    if is_dtensor(tensor):
        raise SliceError("a DTensor knows its whole: leave out global_shape and offset")
    whole, starts = _integers("global_shape", global_shape), _integers("offset", offset)
    shape = tuple(tensor.shape)
    if not len(whole) == len(starts) == len(shape):
        raise SliceError(
            f"global_shape has {len(whole)} dimensions, offset {len(starts)} and the tensor {len(shape)}: "
            "give all three the same"
        )
    for dim, (size, start, length) in enumerate(zip(whole, starts, shape, strict=True)):
        if not 0 <= start <= start + length <= size:
            raise SliceError(
                f"{length} elements from offset {start} on do not fit dimension {dim}, which has {size}"
            )
    return Box(whole, starts, shape)


def _integers(name: str, values: Sequence[int]) -> tuple[int, ...]:
    try:
        return tuple(map(index, values))
    except TypeError:
        raise SliceError(f"{name} is an integer for each dimension, such as (8192, 1024)") from None


def _init(init: str | Mapping[str, Any], parameters: Mapping[str, Any]) -> object:
    """Return the init as a spec has it."""
    if isinstance(init, str) and "kind" not in parameters:
        numbers = {
            name: value.tolist() if isinstance(value, torch.Tensor) else value
            for name, value in parameters.items()
        }
        return {"kind": init, **numbers}
    if parameters:
        names = ", ".join(parameters)
        raise SpecError.at("init", f"init is complete: leave out {names}, or give a name and its parameters")
    return dict(init) if isinstance(init, Mapping) else init


def _resolve(spec: dict[str, Any]) -> ResolvedSpec:
    """Resolve the spec of one tensor; the pointers of faults are the names of arguments."""
    name = spec["layers"][0]["name"]
    if not isinstance(name, str):
        raise SpecError.at("name", "name must be a string")
    try:
        check_name(name, ranges=False)
    except ValueError as error:
        raise SpecError.at("name", str(error)) from None
    try:
        with default_float_environment():
            return parse_spec(to_json(spec), LIMITS)
    except SpecError as error:
        raise SpecError(point_at_parameters(error.faults)) from None
