"""Tokens, which hold a whole spec inside a URL.

    token = "s1." + base64url(checksum + recipe)

`s1` names stream version 1. The checksum is the first 12 bytes of SHA-256 over the recipe's UTF-8 bytes;
base64url is that of RFC 4648 without padding. The recipe is not compressed: compressors differ between
builds, and a token must be the same everywhere.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING

from tensorseed.errors import SpecError, UnknownNameError
from tensorseed.spec.limits import Limits

if TYPE_CHECKING:
    from tensorseed.spec.resolved import ResolvedSpec

PREFIX = "s1."
CHECKSUM_BYTES = 12

TOKEN = re.compile(r"s1\.[A-Za-z0-9_-]+")
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]+")


def encode_token(resolved: ResolvedSpec) -> str:
    """The token of a spec, which may be longer than a URL allows."""
    return token_of(resolved.recipe.encode())


def token_of(recipe: bytes, prefix: str = PREFIX) -> str:
    """The token of a recipe, or of another text by its prefix, which is not checked."""
    return prefix + urlsafe_b64encode(_checksum(recipe) + recipe).decode().rstrip("=")


def decode_token(token: str, limits: Limits) -> ResolvedSpec:
    """The spec of a token.

    Raises:
        UnknownNameError: the token is cut, altered, not canonical, of another stream version, or longer than
            `limits.token_chars`.
        TooLargeError: the file is larger than `limits.file_bytes`.
        VersionError: the spec is of another version or of other kernels of torch.
    """
    from tensorseed.spec.spec import parse_spec  # imports numba: a client only takes tokens apart

    recipe = recipe_of(token) if len(token) <= limits.token_chars else None
    if recipe is not None:
        try:
            resolved = parse_spec(recipe, limits)
        except SpecError:
            raise _unknown() from None
        if encode_token(resolved) == token:
            return resolved
    raise _unknown()


def recipe_of(token: str, prefix: str = PREFIX) -> bytes | None:
    """The recipe of a token, unparsed; None where its checksum does not match."""
    text = token.removeprefix(prefix)
    if text == token or not _PAYLOAD.fullmatch(text):
        return None
    try:
        payload = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    checksum, recipe = payload[:CHECKSUM_BYTES], payload[CHECKSUM_BYTES:]
    return recipe if checksum == _checksum(recipe) else None


def _checksum(recipe: bytes) -> bytes:
    return hashlib.sha256(recipe).digest()[:CHECKSUM_BYTES]


def _unknown() -> UnknownNameError:
    return UnknownNameError(
        "this token stands for no file: it was cut or altered; POST the spec to plan for a new one"
    )
