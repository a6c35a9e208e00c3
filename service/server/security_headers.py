"""Security header fields of HTML pages."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.paths import route_path

_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_FIXED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def content_policy(page: bytes) -> bytes:
    """The Content-Security-Policy of a page: its own origin, and its inline scripts by their digests.

    Styles may be inline, as Swagger UI has them. No page may frame this one.
    """
    digests = [base64.b64encode(hashlib.sha256(script).digest()) for script in _INLINE.findall(page)]
    scripts = b" ".join((b"'self'", *(b"'sha256-%s'" % digest for digest in digests)))
    return (
        b"default-src 'none'; script-src %s; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'" % scripts
    )


class SecurityHeaders:
    """Adds the fields to HTML pages, which are small. Other answers pass unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not route_path(scope).startswith("/docs"):
            await self._app(scope, receive, send)
            return
        start: list[Message] = []
        page = bytearray()

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_html(message):
                start.append(message)
                return
            if not start:
                await send(message)
                return
            page.extend(message.get("body", b""))
            if not message.get("more_body", False):
                policy = (b"content-security-policy", content_policy(bytes(page)))
                start[0]["headers"] = [*start[0]["headers"], *_FIXED, policy]
                await send(start[0])
                await send({"type": "http.response.body", "body": bytes(page), "more_body": False})

        await self._app(scope, receive, secured)


def _is_html(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in message["headers"]
    )
