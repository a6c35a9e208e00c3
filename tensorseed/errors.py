"""Errors of the library.

    TensorseedError
    ├── SpecError            the spec is not valid; says where and what to do
    │   ├── LossError        the arguments of a loss are not valid
    │   ├── EvaluationError  an evaluation is not valid
    │   └── ModuleError      a module that nothing initialises whole
    ├── TooLargeError        the spec is valid, but exceeds a limit
    ├── UnknownNameError     a token, tensor or other name that stands for nothing
    ├── SliceError           a slice that does not fit the tensor
    ├── TensorError          a tensor of a framework that cannot be filled
    ├── UnrepresentableError the answer has no representation of the requested kind
    ├── DeviceError          a device that this host does not have, or that failed
    ├── CapacityError        a device that has not the memory for it now; says how much
    └── VersionError         a version or kernels of torch that this host does not have

No class carries an HTTP status: the service maps classes to statuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

MAX_SHOWN_FAULTS = 100  # in the text of one error
MAX_WORD_CHARS = 128  # of a client's word that a message repeats


class TensorseedError(Exception):
    """Base of all errors whose message is meant for the client."""


class UnusedRuleWarning(UserWarning):
    """A rule that decided no tensor of a module or of a spec."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a spec: `pointer` is a JSON Pointer (RFC 6901) into the spec as it was sent."""

    pointer: str
    detail: str


def first_of(faults: Sequence[Fault]) -> str:
    """The first fault in one sentence, with the number of all where there are several."""
    more = f" (the first of {len(faults):,} faults)" if len(faults) > 1 else ""
    return f"{faults[0].detail}{more}"


class SpecError(TensorseedError):
    """The spec is not valid. `faults` says where, and what would be valid instead.

    `summary` is the first fault, with their number where there are several.
    """

    what = "the spec"

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.summary = first_of(faults)
        super().__init__(self.summary)

    def __str__(self) -> str:
        """Every fault with its pointer, a line each where there are several."""
        lines = [self._line(fault) for fault in self.faults[:MAX_SHOWN_FAULTS]]
        if len(self.faults) == 1:
            return lines[0]
        more = len(self.faults) - len(lines)
        return "\n  ".join(
            [f"{self.heading(self.faults)}:", *lines, *([f"… and {more:,} more"] if more else [])]
        )

    @classmethod
    def heading(cls, faults: Sequence[Fault]) -> str:
        """The number of faults, as the heading of a list of them."""
        return f"{cls.what} has {len(faults)} faults"

    def _line(self, fault: Fault) -> str:
        return f"{fault.pointer}: {fault.detail}" if fault.pointer else fault.detail

    @classmethod
    def at(cls, pointer: str, detail: str) -> Self:
        """The error of a single fault."""
        return cls([Fault(pointer, detail)])


class LossError(SpecError):
    """The arguments of a loss are not valid. A pointer leads to the argument."""

    what = "the request"


class EvaluationError(SpecError):
    """An evaluation is not valid: its layers, their input, the loss, the optimizer, or how they fit."""

    what = "the evaluation"


class ModuleError(SpecError):
    """A module that cannot be initialised as it is: its faults name every tensor, and say what to write."""

    what = "the module"

    def _line(self, fault: Fault) -> str:
        return fault.detail  # which names the tensor


class TooLargeError(TensorseedError):
    """A valid request that exceeds a limit. The message names the limit."""


class UnknownNameError(TensorseedError):
    """A token, a tensor or another name that stands for nothing."""


class SliceError(TensorseedError):
    """A slice that is malformed or does not fit the tensor's shape."""


class TensorError(TensorseedError):
    """A tensor of a framework that cannot be filled. The message says why, and what to do."""


class UnrepresentableError(TensorseedError):
    """The answer has no representation of the requested kind."""


class DeviceError(TensorseedError):
    """A device that this host does not have, or that failed. The message lists those it has."""


class CapacityError(TensorseedError):
    """A device that has not the memory at the moment. The message names what was needed and what is free."""

    def __init__(self, device: str, needed: str | None, free: str | None) -> None:
        wanted = f"{needed} more were needed" if needed else "more was needed"
        left = f" and {free} were free" if free else ""
        remedy = "try again later, ask for less at a time, or name another device"
        super().__init__(f"{device} ran out of memory, {wanted}{left}: {remedy}")


class VersionError(TensorseedError):
    """A spec for another version or other kernels of torch than this host's. The message names both."""


def shortened(word: str) -> str:
    """Cut a client's word for a message."""
    return word if len(word) <= MAX_WORD_CHARS else f"{word[:MAX_WORD_CHARS]}…"


def missing_framework(name: str) -> ModuleNotFoundError:
    """The error of an import of a framework that is not installed."""
    return ModuleNotFoundError(f"{name} is not installed: pip install 'tensorseed[{name}]'", name=name)
