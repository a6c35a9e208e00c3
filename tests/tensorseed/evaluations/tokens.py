"""Tokens of any text, with a true checksum."""

from __future__ import annotations

import base64
import hashlib


def forge(text: str) -> str:
    """A token over any text."""
    body = text.encode()
    return "e1." + base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:12] + body).decode().rstrip("=")
