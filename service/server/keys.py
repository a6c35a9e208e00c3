"""API keys: named, of which only digests lie on disk.

A file of keys has a line a key, `name:digest` or `name:digest:scope,scope`. The digest is the SHA-256 of the
key in hexadecimal, a scope is one of `SCOPES`, and a key without any may do everything. Empty lines and those
that begin with # are passed over. `python -m service key NAME` makes a key and its line.

The file is read again when it changes, so that a key is added or revoked without a restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..http.errors import CredentialError, ScopeError
from ..hub.errors import WHOAMI, is_hub_path

SCOPES = ("weights", "losses", "evaluations", "metrics")
OPEN = ("/healthz", "/readyz", "/docs", "/openapi.json")  # what needs no key, with all below it

CHALLENGE = {"WWW-Authenticate": "Bearer", "Vary": "Authorization"}

HUB_PREFIX = b"hf_"  # the JavaScript client of the Hub sends no token that begins otherwise

REREAD_SECONDS = 1.0  # between two looks at the file
SETTLED_SECONDS = 2.0  # after which a file that changes once more is sure to have another time of change

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_BEARER = re.compile(rb"bearer +([!-~]{1,1024}) *", re.IGNORECASE)
_GUARDED = {f"/v1/{scope}": scope for scope in SCOPES[:3]} | {"/v1/recipes": "weights", "/metrics": "metrics"}

_log = logging.getLogger(__name__)


class KeysFileError(ValueError):
    """A file of keys that cannot be used. The message names the line and the remedy."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is known here: its name, its digest, and what it may do; no scopes for everything."""

    name: str
    digest: bytes
    scopes: tuple[str, ...] = ()


class Keyring:
    """The keys that open this service."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)

    def find(self, headers: Iterable[tuple[bytes, bytes]]) -> Key:
        """The key that a request carries in `Authorization: Bearer`.

        It is compared with every key, in a time that depends on nothing but how many there are. `hf_` may
        stand before it. Raises CredentialError for none, and for one that is not known.
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
                "this key is not known here: ask whoever runs the service for one", CHALLENGE
            )
        return found[0]


class KeysFile(Keyring):
    """The keys of a file, which are read again when it changes. Raises KeysFileError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)  # before it is read, so that a change meanwhile shows
        self._fault = ""
        super().__init__(load_keys(path).keys)

    async def keep_fresh(self) -> None:
        """Look at the file once a second, until cancelled."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            await asyncio.to_thread(self.reread)

    def reread(self) -> bool:
        """Take over the keys of a file that has changed, and say whether it did. Blocks.

        A file that cannot be used, or is gone, leaves the keys as they are and is told of in the log, once.
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


def needs_key(path: str) -> bool:
    """Whether a path is answered to those with a key alone, where there are keys."""
    return not any(_lies_at(path, place) for place in OPEN)


def scope_of(path: str) -> str | None:
    """The scope that a key must have for a path; None for a path that every key opens."""
    if is_hub_path(path):
        return None if path == WHOAMI else "weights"
    return next((scope for place, scope in _GUARDED.items() if _lies_at(path, place)), None)


def check_scope(key: Key, path: str) -> None:
    """Raise ScopeError where `key` may not ask for `path`."""
    wanted = scope_of(path)
    if wanted is not None and key.scopes and wanted not in key.scopes:
        raise ScopeError(
            f"the key {key.name} does not cover {wanted}, only {', '.join(key.scopes)}: use another key"
        )


def load_keys(path: Path) -> Keyring:
    """The keys of a file. Raises KeysFileError."""
    try:
        lines = path.expanduser().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise KeysFileError(f"the keys file {path} cannot be read: {reason}") from None
    keys = [
        _parsed(line.strip(), f"line {number} of the keys file {path}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    if not keys:
        raise KeysFileError(f"the keys file {path} holds no key: make one with python -m service key NAME")
    twice = _first_twice([key.name for key in keys]) or _first_twice([key.digest.hex() for key in keys])
    if twice:
        raise KeysFileError(f"the keys file {path} holds {twice} twice: every name and digest is there once")
    return Keyring(keys)


def make_key(name: str, scopes: Sequence[str] = ()) -> tuple[str, str]:
    """A fresh key of 256 random bits, and the line for the keys file. Raises KeysFileError."""
    key = f"ts_{secrets.token_urlsafe(32)}"
    line = ":".join(filter(None, (name, hashlib.sha256(key.encode()).hexdigest(), ",".join(scopes))))
    _parsed(line, "the new key")
    return key, line


def _parsed(line: str, where: str) -> Key:
    """The key of a line. No message repeats more than its name, since a line may hold a plain key."""
    name, _, rest = line.partition(":")
    digest, _, scopes = rest.partition(":")
    if not _NAME.fullmatch(name):
        raise KeysFileError(f"{where} has no name of 1 to 64 letters, digits, dots, - or _ before its colon")
    if not _DIGEST.fullmatch(digest.strip()):
        raise KeysFileError(f"{where} has no SHA-256 digest of 64 hexadecimal digits after the name {name}")
    wanted = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
    if not set(wanted) <= set(SCOPES):
        raise KeysFileError(f"{where} has an unknown scope: there are {', '.join(SCOPES)}")
    return Key(name, bytes.fromhex(digest.strip()), wanted)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What differs once a file has changed; None where that cannot be told, because the file is not there or
    has changed so lately that a further change might have the same time.
    """
    try:
        found = path.expanduser().stat()
    except OSError:
        return None
    if abs(time.time() - max(found.st_mtime, found.st_ctime)) < SETTLED_SECONDS:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def _lies_at(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _first_twice(values: Sequence[str]) -> str | None:
    return next((value for index, value in enumerate(values) if value in values[:index]), None)
