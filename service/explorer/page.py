"""HTML of the explorer, and the header fields that bound what it may do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..http.paths import raw_route_path, root_path
from ..http.responses import REVALIDATED
from .assets import Assets

HTML = "text/html"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy: everything from the own origin, and nothing inline."""

FIELDS = {
    "Content-Type": f"{HTML}; charset=utf-8",
    "Cache-Control": REVALIDATED,
    "Vary": "Accept",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page_at(assets: Assets, scope: Mapping[str, Any]) -> tuple[bytes, str]:
    """The page as the path of a request needs it, and its entity tag."""
    html = assets.template.replace("{assets}", f"{_base(scope)}{assets.address}").encode()
    return html, f'"{hashlib.sha256(html).hexdigest()[:32]}"'


def _base(scope: Mapping[str, Any]) -> str:
    """The way from the page to the root of the service.

    It is relative, so that a proxy may remove a prefix that the service does not know. A known prefix is
    written in full: its own page has no slash at the end.
    """
    if root := root_path(scope):
        return f"{quote(root)}/"
    return "../" * (raw_route_path(scope).count("/") - 1)
