"""Input tensors: nested lists of numbers, or tensors with dtypes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tensorseed.errors import TooLargeError
from tensorseed.losses.base import DTYPES, Argument, Loss, LossDType, Shape
from tensorseed.losses.checks import fail
from tensorseed.losses.json_tensors import flatten, floats, integers, measure
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    import torch


def parse_tensors(
    loss: Loss, lists: Mapping[str, Any], dtype: LossDType, limits: Limits
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
    floating = f"one of {', '.join(DTYPES)}"
    valid = {"floating": DTYPES, "integer": ("int64",), "either": ("int64", *DTYPES)}[argument.kind]
    if dtype not in valid:
        words = {"floating": floating, "integer": "int64", "either": f"int64 or {floating}"}[argument.kind]
        raise fail(name, f"{name} is {dtype}: give it as {words}")
