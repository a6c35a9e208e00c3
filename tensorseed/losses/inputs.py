"""Input tensors: nested lists of numbers, or tensors with dtypes.

Valid lists are converted at once. Faulty ones are walked step by step, to name the element at fault.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tensorseed.errors import LossError, TooLargeError, shortened
from tensorseed.losses.base import Argument, Loss, Shape
from tensorseed.losses.checks import fail, spelled
from tensorseed.sampling.distributions.literals import MAX_EXACT_INTEGER
from tensorseed.sampling.dtypes import COMPUTE_DTYPES, ComputeDTypeName
from tensorseed.spec.json.pointers import pointer
from tensorseed.spec.limits import Limits
from tensorseed.spec.numbers import inexact

if TYPE_CHECKING:
    import torch


def parse_tensors(
    loss: Loss, lists: Mapping[str, Any], dtype: ComputeDTypeName, limits: Limits
) -> dict[str, torch.Tensor]:
    """The tensors of nested lists, in this dtype or int64."""
    import torch

    shapes = {name: measure(name, data, limits.dimensions) for name, data in lists.items()}
    _check_count(shapes, limits)
    tensors = {}
    for name, data in lists.items():
        argument = loss.argument(name)
        assert argument is not None
        members = flatten(name, data, shapes[name])
        if loss.is_integer(argument, shapes):
            tensors[name] = integers(name, members, shapes[name])
        else:
            tensors[name] = floats(name, members, shapes[name], getattr(torch, dtype))
    return tensors


def _check_count(shapes: Mapping[str, Shape], limits: Limits) -> None:
    count = sum(math.prod(sizes) for sizes in shapes.values())
    if count > limits.loss_values:
        detail = f"the request has {count:,} numbers, a JSON one at most {limits.loss_values:,}"
        raise TooLargeError(f"{detail}: send the tensors as safetensors")


def common_dtype(
    cls: type[Loss], tensors: Mapping[str, torch.Tensor], request: Mapping[str, Any]
) -> tuple[str, str]:
    """The first floating tensor's name, and the one dtype of all.

    Raises:
        LossError: a dtype is not what the loss takes.
    """
    found: dict[str, str] = {}
    for name, tensor in tensors.items():
        argument = cls.argument(name)
        assert argument is not None
        dtype = str(tensor.dtype).removeprefix("torch.")
        _check_kind(argument, name, dtype)
        if dtype != "int64":
            found[name] = dtype
    first = next(iter(found))
    for name, dtype in found.items():
        if dtype != found[first]:
            raise fail(
                name, f"{name} is {dtype} and {first} is {found[first]}: give all floating tensors one dtype"
            )
    if request.get("dtype", found[first]) != found[first]:
        detail = f"dtype is {request['dtype']} and the tensors are {found[first]}"
        raise fail("dtype", f"{detail}: leave it out, or convert the tensors")
    return first, found[first]


def _check_kind(argument: Argument, name: str, dtype: str) -> None:
    floating = f"one of {', '.join(COMPUTE_DTYPES)}"
    valid = {
        "floating": COMPUTE_DTYPES,
        "integer": ("int64",),
        "either": ("int64", *COMPUTE_DTYPES),
    }[argument.numbers]
    if dtype not in valid:
        words = {"floating": floating, "integer": "int64", "either": f"int64 or {floating}"}[argument.numbers]
        raise fail(name, f"{name} is {dtype}: give it as {words}")


SPELLINGS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How JSON says what its numbers cannot."""

Path = tuple[str | int, ...]


def measure(name: str, data: Any, dimensions: int) -> Shape:
    """The shape that nested lists have if they are rectangular, by their first members.

    Raises:
        LossError: more than so many `dimensions`.
    """
    sizes: list[int] = []
    while isinstance(data, list):
        sizes.append(len(data))
        if len(sizes) > dimensions:
            raise LossError.at(f"/{name}", f"{name} has at most {dimensions} dimensions: nest fewer lists")
        if not data:
            break
        data = data[0]
    return tuple(sizes)


def flatten(name: str, data: Any, sizes: Shape) -> list[Any]:
    """The members of lists that have this shape, row by row.

    Raises:
        LossError: at the first row that is not as long as the others.
    """
    rows = [data]
    for depth, size in enumerate(sizes):
        if set(map(type, rows)) != {list} or set(map(len, rows)) != {size}:
            raise _ragged(name, rows, sizes[:depth], size)
        rows = list(chain.from_iterable(rows))
        if not rows:
            return rows
    if list in set(map(type, rows)):
        index = next(i for i, row in enumerate(rows) if isinstance(row, list))
        detail = f"{name} has a list here, where its first row has a number: nest all rows equally"
        raise LossError.at(pointer((name, *_indices(index, sizes))), detail)
    return rows


def _ragged(name: str, rows: list[Any], above: Shape, size: int) -> LossError:
    index = next(i for i, row in enumerate(rows) if not isinstance(row, list) or len(row) != size)
    row, path = rows[index], pointer((name, *_indices(index, above)))
    found = f"is a list of length {len(row)}" if isinstance(row, list) else f"is {_described(row)}"
    detail = f"this row of {name} {found}, and the first one has length {size}: give all rows that length"
    return LossError.at(path, detail)


def _indices(flat: int, sizes: Shape) -> list[int]:
    """The indices of a row-major position."""
    path: list[int] = []
    for size in reversed(sizes):
        flat, index = divmod(flat, size)
        path.insert(0, index)
    return path


def integers(name: str, members: list[Any], sizes: Shape) -> torch.Tensor:
    """An int64 tensor.

    Raises:
        LossError: at the first member that is no integer of 64 bits.
    """
    import torch

    if set(map(type, members)) <= {int}:
        try:
            return torch.from_numpy(np.array(members, np.int64).reshape(sizes))
        except OverflowError:
            pass
    for index, member in enumerate(members):
        if type(member) is not int or not -(1 << 63) <= member < 1 << 63:
            detail = f"each number of {name} must be an integer of 64 bits, this is {_described(member)}"
            raise LossError.at(pointer((name, *_indices(index, sizes))), detail)
    raise AssertionError


def floats(name: str, members: list[Any], sizes: Shape, dtype: torch.dtype) -> torch.Tensor:
    """A floating tensor of `dtype`, each number rounded as torch rounds it.

    Raises:
        LossError: at the first member that is no number, an integer that float64 lacks, or beyond the
            dtype's largest.
    """
    import torch

    if not set(map(type, members)) <= {float, int}:
        members = [_number(name, index, member, sizes) for index, member in enumerate(members)]
    array: npt.NDArray[np.float64] = np.array(members, np.float64)
    for index in np.flatnonzero(np.abs(array) >= MAX_EXACT_INTEGER).tolist():
        if type(members[index]) is int and (fault := inexact(members[index])) is not None:
            raise LossError.at(pointer((name, *_indices(index, sizes))), fault)
    tensor = torch.from_numpy(array).to(dtype)
    if dtype != torch.float64:
        _check_finite(name, array, tensor, sizes)
    return tensor.reshape(sizes)


def _number(name: str, index: int, member: Any, sizes: Shape) -> float:
    if isinstance(member, float | int) and not isinstance(member, bool):
        return member
    number = SPELLINGS.get(member) if isinstance(member, str) else None
    if number is None:
        valid = ", ".join(f'"{spelling}"' for spelling in SPELLINGS)
        detail = f"each element of {name} must be a number, or one of {valid}: this is {_described(member)}"
        raise LossError.at(pointer((name, *_indices(index, sizes))), detail)
    return number


def _check_finite(name: str, given: npt.NDArray[np.float64], got: torch.Tensor, sizes: Shape) -> None:
    infinite = got.isinf().numpy()
    if not infinite.any():
        return
    beyond = infinite & np.isfinite(given)
    if beyond.any():
        index = int(beyond.argmax())
        dtype = str(got.dtype).removeprefix("torch.")
        detail = f"{spelled(float(given[index]))} is beyond the largest {dtype} number: use float64"
        raise LossError.at(pointer((name, *_indices(index, sizes))), detail)


def _described(member: Any) -> str:
    """A short form of the member."""
    match member:
        case None:
            return "null"
        case bool():
            return "true" if member else "false"
        case str():
            return f'"{shortened(member)}"'
        case dict():
            return "an object"
        case float():
            return spelled(member)
    return str(member)
