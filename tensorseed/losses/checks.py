"""Checks of a loss's tensors; LossError names the element at fault.

Shapes are checked before values. A check of values takes a few bytes of memory for each at most.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tensorseed.errors import LossError
from tensorseed.losses.base import Shape, Tensors
from tensorseed.spec.json.pointers import pointer

if TYPE_CHECKING:
    import torch

UNBOUNDED = math.inf  # the upper bound of what has none


def shape(tensor: torch.Tensor) -> Shape:
    """The shape as a plain tuple, which is how messages write it."""
    return tuple(tensor.shape)


def blank(like: torch.Tensor, sizes: Shape) -> torch.Tensor:
    """A tensor of a shape, to be checked, that takes no memory."""
    return like.new_zeros(()).expand(sizes)


def fail(name: str, detail: str) -> LossError:
    """The error of one fault of an argument or an option."""
    return LossError.at(f"/{name}", detail)


def same_shape(tensors: Tensors, first: str, *others: str) -> None:
    """All arguments have the shape of the `first`; those left out are passed over."""
    for name in others:
        if name in tensors and tensors[name].shape != tensors[first].shape:
            detail = f"{name} has the shape {shape(tensors[name])} and {first} the shape"
            raise fail(name, f"{detail} {shape(tensors[first])}: give both the same, nothing is broadcast")


def expands(tensors: Tensors, name: str, to: str) -> None:
    """The argument can be broadcast to the shape of another one, which it does not enlarge."""
    if name not in tensors:
        return
    small, large = shape(tensors[name]), shape(tensors[to])
    fits = len(small) <= len(large)
    pairs = zip(reversed(small), reversed(large), strict=False)
    if not fits or any(a not in (1, b) for a, b in pairs):
        detail = f"{name} has the shape {small}, which does not broadcast to that of {to}, {large}"
        raise fail(name, f"{detail}: give it the shape of {to}, or ones where it repeats")


def has_shape(tensors: Tensors, name: str, expected: Shape, because: str) -> None:
    """The argument, if given, has the `expected` shape."""
    if name in tensors and shape(tensors[name]) != expected:
        raise fail(
            name, f"{name} has the shape {shape(tensors[name])}, and {because} it must have {expected}"
        )


def rank(tensors: Tensors, name: str, *allowed: int) -> None:
    """The argument has one of these numbers of dimensions."""
    dims = tensors[name].ndim
    if dims not in allowed:
        words = " or ".join(map(str, allowed))
        detail = f"{name} has {dims} dimensions, its shape is {shape(tensors[name])}: give it {words}"
        raise fail(name, detail)


def not_empty(tensors: Tensors, name: str, detail: str) -> None:
    """The argument has elements."""
    if not tensors[name].numel():
        raise fail(name, f"{name} has the shape {shape(tensors[name])} and no elements: {detail}")


def within(tensors: Tensors, name: str, low: float, high: float, what: str) -> None:
    """Every element is at least `low` and at most `high`, which NaN is not. `what` names the remedy."""
    tensor = tensors.get(name)
    if tensor is None or not tensor.numel():
        return
    least, most = tensor.detach().aminmax()
    if not (least >= low and most <= high):
        refuse(tensor, name, (tensor >= low) & (tensor <= high), what)


def signs(tensors: Tensors, name: str) -> None:
    """Every element is 1 or -1."""
    tensor = tensors[name]
    good = (tensor == 1) | (tensor == -1)
    if not good.all():
        refuse(tensor, name, good, f"{name} must be 1 or -1")


def classes(
    tensors: Tensors, name: str, count: int, also: int | None = None, last: str | None = None
) -> None:
    """Every element is a class from 0 to `count` - 1, or `also`. `last` says where the count is from."""
    tensor = tensors[name]
    good = (tensor >= 0) & (tensor < count)
    if also is not None:
        good |= tensor == also
    if not good.all():
        extra = f", or {also}" if also is not None else ""
        valid = f"from 0 to {count - 1}" if count else "and there are none"
        where = f", {last}" if last else ""
        refuse(tensor, name, good, f"{name} must be a class {valid}{extra}{where}")


def refuse(tensor: torch.Tensor, name: str, good: torch.Tensor, what: str) -> None:
    """Raise LossError at the first element that is not `good`."""
    path = first(~good)
    value = tensor[path].item()
    raise LossError.at(pointer((name, *path)), f"{what}: this is {spelled(value)}")


def first(bad: torch.Tensor) -> tuple[int, ...]:
    """The indices of the first element that is true."""
    flat = int(bad.flatten().byte().argmax())
    path: list[int] = []
    for size in reversed(bad.shape):
        flat, index = divmod(flat, size)
        path.insert(0, index)
    return tuple(path)


def spelled(value: float) -> str:
    """A number as JSON and this service write it."""
    text = repr(value)
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)
