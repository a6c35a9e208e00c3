"""Names of a module's tensors, and modules without their wrappers.

A name is that of `state_dict()` without what wrappers add: `module.`, `_orig_mod.`,
`_checkpoint_wrapped_module.`. The class of a wrapper decides, so that an attribute of your own may have
any of these names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import dropwhile
from typing import Any, TypeVar

from torch import nn

from tensorseed.spec.names import MAX_CHARS, check_name, is_plain

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

FSDP1 = "torch.distributed.fsdp.fully_sharded_data_parallel.FullyShardedDataParallel"

T = TypeVar("T")

_ADDED = ("torch.distributed.", "torch.nn.utils.parametrize")  # make classes of modules at run time


def by_class(function: Callable[[type[nn.Module]], T]) -> Callable[[type[nn.Module]], T]:
    """Keep the results of a function of a module's class."""
    cached: Any = lru_cache(4_096)(function)
    kept: Callable[[type[nn.Module]], T] = cached
    return kept


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside its wrappers; itself where it has none.

    >>> unwrapped(nn.DataParallel(nn.Linear(2, 3)))
    Linear(in_features=2, out_features=3, bias=True)
    """
    while (attribute := _wrapped_attribute(type(module))) is not None:
        inner = module._modules[attribute]
        assert inner is not None
        module = inner
    return module


@by_class
def _wrapped_attribute(cls: type[nn.Module]) -> str | None:
    return next((_WRAPPERS[name] for name in map(_full_name, cls.__mro__) if name in _WRAPPERS), None)


@by_class
def is_fsdp1(cls: type[nn.Module]) -> bool:
    """Whether a class is FullyShardedDataParallel, which flattens parameters."""
    return FSDP1 in map(_full_name, cls.__mro__)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


@by_class
def own_classes(cls: type[nn.Module]) -> tuple[type, ...]:
    """The classes of a module below `nn.Module`, without those that sharding and parametrizations add."""
    bases = dropwhile(lambda base: base.__module__.startswith(_ADDED), cls.__mro__)
    return tuple(base for base in bases if base not in (nn.Module, object))


@by_class
def class_names(cls: type[nn.Module]) -> tuple[str, ...]:
    """The names of a layer's class and of those that it extends, as rules match them by type."""
    return tuple(base.__name__ for base in own_classes(cls)) or (cls.__name__,)


def checked_prefix(prefix: str) -> str:
    """A prefix that ends in a dot, or an empty one.

    Raises:
        ValueError: it cannot begin a name.
    """
    name = prefix.removesuffix(".")
    if not name:
        return ""
    check_name(name, ranges=False)
    return f"{name}."


def name_fault(name: str) -> str | None:
    """The reason why no spec can name a tensor so; None for a name that it can."""
    if is_plain(name):
        return None
    if len(name) > MAX_CHARS:
        return f"the name {name[:40]}… has {len(name):,} characters, and a spec's at most {MAX_CHARS:,}"
    return f"a spec has no name {name!r}: rename the attribute, without braces and control characters"
