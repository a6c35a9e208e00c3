"""What is to be known of torch's operations, as it dispatches them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_leaves

_EMPTY = ("empty", "new_empty", "resize_", "set_")  # what leaves elements as they are


class Operation(NamedTuple):
    """An operation that fills elements."""

    name: str  # without aten:: and overload
    written: tuple[str, ...]  # the arguments that it writes to; its results are new without any
    chance: bool  # whether it draws


@cache
def operation_of(func: Any) -> Operation | None:
    """The operation; None of one that fills nothing, such as a view."""
    schema = func._schema
    name = schema.name.removeprefix("aten::")
    written = tuple(part.name for part in schema.arguments if part.alias_info and part.alias_info.is_write)
    view = not written and any(part.alias_info for part in schema.returns)
    if view or name.startswith(_EMPTY):
        return None
    return Operation(name, written, torch.Tag.nondeterministic_seeded in func.tags)


def bound(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, defaults included."""
    given = {part.name: part.default_value for part in func._schema.arguments if part.has_default_value()}
    names = (part.name for part in func._schema.arguments)
    return {**given, **dict(zip(names, args, strict=False)), **kwargs}


def tensors_in(tree: Any) -> list[torch.Tensor]:
    """The tensors among nested arguments or results."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def storage_of(tensor: torch.Tensor) -> int:
    """What tells the storage of a tensor from all others that are alive."""
    return int(tensor.untyped_storage()._cdata)


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a row-major tensor."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return tuple(reversed(steps))
