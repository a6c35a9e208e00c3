"""Reading of a quantization_config, and checks of its members."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorseed.checkpoints.quantization.module_patterns import ModulePatterns, PatternError
from tensorseed.spec.quantizations import MAX_BLOCK

Document = dict[str, Any]

INPUT_SCALE = 2.0**-5  # of activations: float8_e4m3fn then reaches 14, far beyond what a norm leaves


class ConfigFormatError(ValueError):
    """A quantization_config that is not supported; `member` is the one at fault, "" for the whole."""

    def __init__(self, member: str, detail: str) -> None:
        self.member = member
        super().__init__(detail)


class ActivationScale(NamedTuple):
    """The scale of a module's inputs where it does not follow from them: a tensor beside the weight."""

    name: str  # its last part
    shape: tuple[int, ...]
    dtype: str | None = None  # that of the weights where it is None
    value: float = INPUT_SCALE


class Described(NamedTuple):
    """What a quantization_config says: the quantisation, and patterns of modules that are left out."""

    quantization: Any  # of an entry
    method: str
    ignored: ModulePatterns
    chosen: tuple[str, ...] | None = None  # the ends of the names of the modules that are not; None for all
    activations: ActivationScale | None = None
    caches: tuple[ActivationScale, ...] = ()  # beside the projections of an attention with a cache
    targets: ModulePatterns | None = None  # of the modules that are not left out; None for all

    def ignores(self, module: str) -> bool:
        """Whether a module is left out."""
        if self.chosen is not None and not module.endswith(self.chosen):
            return True
        if self.targets is not None and not self.targets.match(module):
            return True
        return self.ignored.match(module)


def names(document: Document, member: str) -> list[str]:
    """The names of a list; none where it is missing."""
    found = document.get(member) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigFormatError(member, f"{member} must be a list of names")
    return found


def patterns(texts: Sequence[str], member: str, *, are_whole: bool = False) -> ModulePatterns:
    """The patterns of modules in a member."""
    try:
        return ModulePatterns(tuple(texts), are_whole)
    except PatternError as error:
        raise ConfigFormatError(member, str(error)) from None


def object_of(document: Document, member: str) -> Document:
    """An object; empty where it is missing."""
    value = document.get(member) or {}
    if not isinstance(value, dict):
        raise ConfigFormatError(member, f"{member} must be an object")
    return value


def grouped(method: str, document: Document, member: str = "group_size", *, divisor: int = 8) -> Any:
    """A method with the group size of a config, a multiple of the numbers that are packed together."""
    size = document.get("group_size", 128)
    if type(size) is not int or not divisor <= size <= MAX_BLOCK or size % divisor:
        raise ConfigFormatError(member, f"group_size must be a multiple of {divisor}, up to 1,024")
    return method if size == 128 else {"method": method, "group_size": size}


def expect(document: Document, member: str, values: tuple[Any, ...]) -> None:
    """Check that a member has one of some values."""
    if document.get(member) not in values:
        words = " or ".join(
            value if isinstance(value, str) else json.dumps(value) for value in values if value is not None
        )
        raise ConfigFormatError(member, f"{member} must be {words} here")
