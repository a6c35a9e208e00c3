"""Errors of the client, each with the exit code of its command.

    ClientError            base of all
    ├── RefusedError   1   the spec or the request is refused; another attempt gives the same answer
    ├── NetworkError   3   no server answered as it should, even after several attempts
    ├── MismatchError  4   the bytes are not those of the recipe, the digest or the entity tag
    └── DiskError      5   a local file cannot be read or written

2 is a wrong command line, and 130 an interruption from the keyboard.

A refusal of a kind that the library knows is an error of that kind too:
`except SpecError` catches the refusal of a spec, whether this process or a server found its faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tensorseed.errors import (
    DeviceError,
    EvaluationError,
    Fault,
    LossError,
    SliceError,
    SpecError,
    TensorseedError,
    TooLargeError,
    UnknownNameError,
    UnrepresentableError,
    VersionError,
)
from tensorseed.files.output import OverwriteError

INTERRUPTED = 130
MAX_FAULTS = 10  # in one message


def printable(text: str) -> str:
    """Escape what would control a terminal or cannot be encoded: names may hold anything."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


class ClientError(TensorseedError):
    """Base of the client's errors. The message names the remedy.

    `status`, `type` and `detail` are those of the server's answer, a problem document of RFC 9457.
    Each is None where no server gave it.
    """

    exit_code = 1
    status: int | None = None
    type: str | None = None
    detail: str | None = None
    option: str | None = None
    """The parameter that the message names, such as `force`; commands have it as an option."""

    __str__ = Exception.__str__  # that of a refused spec, too, whose message names its faults

    def of_command(self) -> str:
        """The message of a command, which names the option rather than the parameter."""
        return (
            str(self) if self.option is None else str(self).replace(f"{self.option}=True", f"--{self.option}")
        )

    def naming(self, option: str) -> Self:
        """Return this error, whose message names a parameter."""
        self.option = option
        return self

    def of_answer(self, status: int | None, kind: str | None, detail: str | None) -> Self:
        """Return this error with the members of the problem that a server answered."""
        self.status, self.type, self.detail = status, kind, detail
        return self


class RefusedError(ClientError):
    """The spec or the request is not valid, or cannot be served or computed as it is.

    `faults` has the place and the sentence of each fault, where a spec or arguments have some.
    """

    exit_code = 1

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        Exception.__init__(self, message)  # the other base of a subclass would count the faults instead
        self.faults = list(faults)

    @classmethod
    def of(cls, detail: str, faults: Sequence[Fault]) -> Self:
        """Return the error of a spec's faults; a single one takes one line, without the heading `detail`."""
        lines = [f"{fault.pointer}: {fault.detail}" if fault.pointer else fault.detail for fault in faults]
        if len(lines) < 2:
            return cls(lines[0] if lines else detail, faults)
        more = len(lines) - MAX_FAULTS
        ends = [f"… and {more:,} more"] if more > 0 else []
        return cls("\n  ".join([f"{detail}:", *lines[:MAX_FAULTS], *ends]), faults)

    @classmethod
    def of_problem(
        cls, status: int, kind: str | None, detail: str, faults: Sequence[Fault], remedy: str = ""
    ) -> RefusedError:
        """Return the error of a problem that a server answered, whose class is that of its kind.

        `remedy` ends the server's sentence in the message.
        """
        name = (kind or "").removeprefix("urn:tensorseed:problem:")
        cls = _KINDS.get(name, RefusedError)
        heading = (
            cls.heading(faults) if issubclass(cls, SpecError) else f"the request has {len(faults)} faults"
        )
        return cls.of(heading if faults else f"{detail}{remedy}", faults).of_answer(status, kind, detail)


class RefusedSpecError(RefusedError, SpecError):
    """A server refuses the spec."""


class RefusedLossError(RefusedError, LossError):
    """A server refuses the arguments of a loss."""


class RefusedEvaluationError(RefusedError, EvaluationError):
    """A server refuses the evaluation."""


class RefusedSizeError(RefusedError, TooLargeError):
    """A server refuses a request beyond its limits."""


class RefusedNameError(RefusedError, UnknownNameError):
    """A server knows nothing of this name."""


class RefusedSliceError(RefusedError, SliceError):
    """A server refuses the slice."""


class RefusedFormError(RefusedError, UnrepresentableError):
    """A server has no representation of the requested kind."""


class RefusedDeviceError(RefusedError, DeviceError):
    """A server lacks the device."""


class RefusedVersionError(RefusedError, VersionError):
    """A server has another torch."""


_KINDS: dict[str, type[RefusedError]] = {
    "invalid-spec": RefusedSpecError,
    "invalid-query": RefusedSpecError,
    "invalid-loss": RefusedLossError,
    "invalid-evaluation": RefusedEvaluationError,
    "invalid-slice": RefusedSliceError,
    "too-large": RefusedSizeError,
    "long-url": RefusedSizeError,
    "unknown-name": RefusedNameError,
    "unknown-path": RefusedNameError,
    "unknown-repository": RefusedNameError,
    "not-representable": RefusedFormError,
    "missing-device": RefusedDeviceError,
    "missing-version": RefusedVersionError,
}
"""The classes of refusals by the names that end the types of problems."""


class NetworkError(ClientError):
    """No server answered as it should, even after several attempts."""

    exit_code = 3


class MismatchError(ClientError):
    """The bytes are not those that the recipe, the digest or the entity tag names."""

    exit_code = 4


class DiskError(ClientError, OSError):
    """A local file cannot be read or written."""

    exit_code = 5


def unreadable(path: Path, error: OSError) -> DiskError:
    """Return the error of a file that cannot be read."""
    return DiskError(f"{path} cannot be read ({_reason(error)}): name a file that can")


@contextmanager
def writing_errors(path: Path, needed: str = "") -> Iterator[None]:
    """Turn errors of the block into DiskError, for a file that is written at `path`."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # an error of ours, which names its remedy
            found = DiskError(str(error))
            raise (found.naming("force") if isinstance(error, OverwriteError) else found) from None
        raise DiskError(
            f"{path} cannot be written ({_reason(error)}{needed}): make room, or name another output"
        ) from None


def _reason(error: OSError) -> str:
    return (error.strerror or "the system refuses it").lower()
