"""API keys, and the file that holds their digests.

A line of the file is a key: `name:digest` or `name:digest:scope,scope`. The digest is the SHA-256 of the key
in hexadecimal. A scope is one of `SCOPES`; a key without scopes covers everything. Empty lines and lines that
begin with # are comments. `tensorseed key NAME` makes a key and its line.

The service reads the file again when it changes. Adding or revoking a key needs no restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..http.errors import CredentialError
from .route_groups import SCOPES

CHALLENGE = {"WWW-Authenticate": "Bearer", "Vary": "Authorization"}

HUB_PREFIX = b"hf_"  # the Hub's JavaScript client sends no token without it

REREAD_SECONDS = 1.0  # between two checks of the file
MAX_BYTES = 1 << 20  # of the file: ten thousand keys
SETTLED_SECONDS = 2.0  # file times have steps: a file this old is sure to get a new time when it changes

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_BEARER = re.compile(rb"bearer +([!-~]{1,1024}) *", re.IGNORECASE)

_log = logging.getLogger(__name__)


class KeysFileError(ValueError):
    """An invalid keys file. The message names the line and the remedy."""


@dataclass(frozen=True, slots=True)
class Key:
    """The name, digest and scopes of a key. One without scopes covers everything."""

    name: str
    digest: bytes
    scopes: tuple[str, ...] = ()


class Keyring:
    """The keys that open this service."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)

    def find(self, headers: Iterable[tuple[bytes, bytes]]) -> Key:
        """The key of a request's `Authorization: Bearer`, with or without `hf_` before it.

        It is compared with every key: the time depends on their number alone.

        Raises:
            CredentialError: without a key, or with an unknown one.
        """
        fields = [value for name, value in headers if name == b"authorization"]
        match = _BEARER.fullmatch(fields[0]) if len(fields) == 1 else None
        if match is None:
            raise CredentialError(
                "this service needs a key: send it as Authorization: Bearer <key>", CHALLENGE
            )
        sent, bare = (hashlib.sha256(key).digest() for key in (match[1], match[1].removeprefix(HUB_PREFIX)))
        found = [
            key
            for key in self.keys
            if hmac.compare_digest(key.digest, sent) | hmac.compare_digest(key.digest, bare)
        ]
        if not found:
            raise CredentialError(
                "this key is not known here: request one from the service's operator", CHALLENGE
            )
        return found[0]


class KeysFile(Keyring):
    """The keys of a file, read again when it changes.

    Raises:
        KeysFileError: the file has no valid keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)  # taken before reading, so that a change meanwhile shows
        self._fault = ""
        super().__init__(load_keys(path).keys)

    async def keep_fresh(self) -> None:
        """Check the file once a second, until cancelled."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            try:
                await asyncio.to_thread(self.reread)
            except (
                Exception
            ):  # a look that fails is no reason to look no more: revoked keys would stay in force
                _log.exception("the keys file %s cannot be checked", self._path)

    def reread(self) -> bool:
        """Load the file if it has changed, and return whether the keys did. Blocks.

        An invalid or missing file leaves the keys as they are. It is logged once.
        """
        stamp = _stamp(self._path)
        if stamp is not None and stamp == self._seen:
            return False
        self._seen = stamp
        try:
            keys = load_keys(self._path).keys
        except KeysFileError as error:
            if str(error) != self._fault:
                _log.error("%s; the keys read before stay in force", error)
            self._fault = str(error)
            return False
        self._fault = ""
        if keys == self.keys:
            return False
        self.keys = keys
        _log.info("the keys file has changed: %d keys are in force", len(keys))
        return True


def load_keys(path: Path) -> Keyring:
    """The keys of a file.

    Raises:
        KeysFileError: for a file that cannot be read, or without valid keys.
    """
    try:
        lines = _read(path.expanduser()).decode().splitlines()
    except OSError as error:
        raise KeysFileError(f"the keys file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysFileError(f"the keys file {path} cannot be read: it is not UTF-8") from None
    except RuntimeError:  # of `expanduser`
        raise KeysFileError(f"the keys file {path} cannot be found: there is no such user") from None
    keys = [
        _parsed(line.strip(), f"line {number} of the keys file {path}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    if not keys:
        raise KeysFileError(f"the keys file {path} holds no key: make one with python -m service key NAME")
    duplicate = _duplicate([key.name for key in keys]) or _duplicate([key.digest.hex() for key in keys])
    if duplicate:
        raise KeysFileError(
            f"the keys file {path} holds {duplicate} twice: every name and digest is there once"
        )
    return Keyring(keys)


def _read(path: Path) -> bytes:
    """The bytes of a regular file. A pipe or a device could hold the reader back, or never end.

    Raises:
        KeysFileError: for any other file, and for one that is too large.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise KeysFileError(f"the keys file {path} is no regular file: name one that is")
        found = file.read(MAX_BYTES + 1)
    if len(found) > MAX_BYTES:
        raise KeysFileError(f"the keys file {path} has more than {MAX_BYTES:,} bytes: remove unused keys")
    return found


def make_key(name: str, scopes: Sequence[str] = ()) -> tuple[str, str]:
    """A new key of 256 random bits, and its line for the keys file.

    Raises:
        KeysFileError: for an invalid name or scope.
    """
    key = f"ts_{secrets.token_urlsafe(32)}"
    line = ":".join(filter(None, (name, hashlib.sha256(key.encode()).hexdigest(), ",".join(scopes))))
    _parsed(line, "the new key")
    return key, line


def _parsed(line: str, where: str) -> Key:
    """The key of a line. Messages repeat its name at most, since the rest may be a plain key."""
    name, _, rest = line.partition(":")
    digest, _, scopes = rest.partition(":")
    if not _NAME.fullmatch(name):
        raise KeysFileError(f"{where} has no name of 1 to 64 letters, digits, dots, - or _ before its colon")
    if not _DIGEST.fullmatch(digest.strip()):
        raise KeysFileError(f"{where} has no SHA-256 digest of 64 hexadecimal digits after the name {name}")
    covered = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
    if not set(covered) <= set(SCOPES):
        raise KeysFileError(f"{where} has an unknown scope: there are {', '.join(SCOPES)}")
    return Key(name, bytes.fromhex(digest.strip()), covered)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """A value that differs once a file has changed.

    None for a missing file, and for one so new that another change could have the same time.
    """
    try:
        found = path.expanduser().stat()
    except (OSError, RuntimeError):
        return None
    if abs(time.time() - max(found.st_mtime, found.st_ctime)) < SETTLED_SECONDS:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _duplicate(values: Iterable[str]) -> str | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)
