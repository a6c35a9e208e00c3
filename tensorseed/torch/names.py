"""Names of a module's tensors, and modules without their wrappers.

A name is that of `state_dict()` without what wrappers add: `module.`, `_orig_mod.`,
`_checkpoint_wrapped_module.`. The class of a wrapper decides, so that an attribute of your own may have
any of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import dropwhile
from typing import Any, TypeVar

from torch import nn

from tensorseed.errors import ModuleError
from tensorseed.spec.names import MAX_CHARS, are_plain, check_name, is_plain

_WRAPPERS = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper.ActivationWrapper": (
        "_checkpoint_wrapped_module"
    ),
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
}
"""The attribute that holds the module, by class. The names need no import of torch's rarer parts."""

T = TypeVar("T")

_ADDED = ("torch.distributed.", "torch.nn.utils.parametrize")  # make classes of modules at run time


def by_class(function: Callable[[type[nn.Module]], T]) -> Callable[[type[nn.Module]], T]:
    """Keep the results of a function of a module's class."""
    cached: Any = lru_cache(4_096)(function)
    kept: Callable[[type[nn.Module]], T] = cached
    return kept


def wrapped_attribute(cls: type[nn.Module]) -> str | None:
    """The attribute that holds the module inside a wrapper of the class; None for other classes."""
    return next((_WRAPPERS[name] for name in full_names(cls) if name in _WRAPPERS), None)


def full_names(cls: type) -> list[str]:
    """The names of a class and of those that it extends, each with its module."""
    return [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__]


def own_classes(cls: type[nn.Module]) -> tuple[type, ...]:
    """The classes of a module below `nn.Module`, without those that sharding and parametrizations add."""
    bases = dropwhile(lambda base: base.__module__.startswith(_ADDED), cls.__mro__)
    return tuple(base for base in bases if base not in (nn.Module, object))


def class_names(cls: type[nn.Module]) -> tuple[str, ...]:
    """The names of a layer's class and of those that it extends, as rules match them by type."""
    return tuple(base.__name__ for base in own_classes(cls)) or (cls.__name__,)


def checked_prefix(prefix: str) -> str:
    """A prefix that ends in a dot, or an empty one.

    Raises:
        ModuleError: it cannot begin a name.
    """
    if not isinstance(prefix, str):
        raise ModuleError.at("", f"prefix is a text, such as layers.3, and not {type(prefix).__name__}")
    name = prefix.removesuffix(".")
    try:
        check_name(name or ".", ranges=False)
    except ValueError as error:
        raise ModuleError.at(
            "", f"prefix is the name of the module in its model, such as layers.3: {error}"
        ) from None
    return name and f"{name}."


def check_module(module: object) -> None:
    """Check that it is a module.

    Raises:
        ModuleError: it is something else.
    """
    if not isinstance(module, nn.Module):
        detail = f"a torch.nn.Module is needed, and not {type(module).__name__}"
        raise ModuleError.at("", f"{detail}: give the module, or fill a tensor by tensorseed.torch.fill_")


def name_faults(names: Sequence[str]) -> Iterator[str]:
    """Yield the sentences of names that no spec has."""
    if are_plain(names):
        return
    for name in names:
        if is_plain(name):
            continue
        if len(name) > MAX_CHARS:
            yield f"the name {name[:40]}… has {len(name):,} characters, and a spec's at most {MAX_CHARS:,}"
        else:
            yield f"a spec has no name {name!r}: rename the attribute, without braces and control characters"
