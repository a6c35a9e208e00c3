"""What can go wrong in the client, each with the exit code that scripts see.

    ClientError            base of all
    ├── RefusedError   1   the spec, or what was asked for, is refused; asking again gives the same answer
    ├── NetworkError   3   no server answered as it should, even after several attempts
    ├── MismatchError  4   the bytes are not those of the recipe, the digest or the entity tag
    └── DiskError      5   a local file cannot be read or written

2 is a wrong command line, as everywhere, and 130 an interruption from the keyboard.
"""

from __future__ import annotations

from typing import Self

INTERRUPTED = 130
MOST_FAULTS = 10  # told at once


def printable(text: str) -> str:
    """The text with escapes for what would steer a terminal, or cannot be encoded: names hold anything."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


class ClientError(Exception):
    """Base of all errors that end a command. The message is one sentence that names the remedy."""

    exit_code = 1


class RefusedError(ClientError):
    """The spec is not valid, or cannot be served or computed as it is."""

    exit_code = 1

    @classmethod
    def of(cls, detail: str, faults: list[tuple[str, str]]) -> Self:
        """The error of a spec's faults, by pointer and sentence; a single one is told in one line."""
        told = [f"{pointer}: {sentence}" if pointer else sentence for pointer, sentence in faults]
        if len(told) == 1:
            return cls(told[0])
        return cls("\n  ".join([detail, *told[:MOST_FAULTS]]))


class NetworkError(ClientError):
    """No server answered as it should, even after several attempts."""

    exit_code = 3


class MismatchError(ClientError):
    """The bytes are not those that the recipe, the digest or the entity tag names."""

    exit_code = 4


class DiskError(ClientError):
    """A local file cannot be read or written."""

    exit_code = 5
