"""Errors of the client, each with the exit code of its command.

    ClientError            base of all
    ├── RefusedError   1   the spec or the request is refused; another attempt gives the same answer
    ├── NetworkError   3   no server answered as it should, even after several attempts
    ├── MismatchError  4   the bytes are not those of the recipe, the digest or the entity tag
    └── DiskError      5   a local file cannot be read or written

2 is a wrong command line, and 130 an interruption from the keyboard.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

INTERRUPTED = 130
MAX_FAULTS = 10  # in one message


def printable(text: str) -> str:
    """Escape what would control a terminal or cannot be encoded: names may hold anything."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


class ClientError(Exception):
    """Base of all errors that end a command. The message is one sentence that names the remedy."""

    exit_code = 1


class RefusedError(ClientError):
    """The spec is not valid, or cannot be served or computed as it is."""

    exit_code = 1

    @classmethod
    def of(cls, detail: str, faults: list[tuple[str, str]]) -> Self:
        """Return the error of a spec's faults, by pointer and sentence; a single one takes one line."""
        lines = [f"{pointer}: {sentence}" if pointer else sentence for pointer, sentence in faults]
        if len(lines) == 1:
            return cls(lines[0])
        return cls("\n  ".join([detail, *lines[:MAX_FAULTS]]))


class NetworkError(ClientError):
    """No server answered as it should, even after several attempts."""

    exit_code = 3


class MismatchError(ClientError):
    """The bytes are not those that the recipe, the digest or the entity tag names."""

    exit_code = 4


class DiskError(ClientError):
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
            raise DiskError(str(error)) from None
        raise DiskError(
            f"{path} cannot be written ({_reason(error)}{needed}): make room, or name another output"
        ) from None


def _reason(error: OSError) -> str:
    return (error.strerror or "the system refuses it").lower()
