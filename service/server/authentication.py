"""Authentication of requests by API key, with scopes and rate limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.errors import ExchangeError, ScopeError
from ..http.paths import route_path
from ..http.request_context import KEY_NAME
from ..worker.clients import CLIENT
from .error_handlers import answer_to
from .keys import Key, Keyring
from .route_groups import needs_key, scope_of
from .shared_caches import private_field

if TYPE_CHECKING:
    from .rate_limits import RateLimits


class Authentication:
    """Answers 401, 403 or 429 to requests without a key, outside of its scopes, or over its rate.

    An answer that needed a key is private to its client: a shared cache would hand it to others.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring, rate_limits: RateLimits | None) -> None:
        self._app = app
        self._keyring = keyring
        self._rate_limits = rate_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not needs_key(path := route_path(scope)):
            await self._app(scope, receive, send)
            return
        try:
            key = self._keyring.find(scope["headers"])
            scope[KEY_NAME] = key.name
            CLIENT.set(key.name)
            check_scope(key, path)
            if self._rate_limits is not None:
                await self._rate_limits.admit(key.name)
        except ExchangeError as error:
            await answer_to(error, scope)(scope, receive, send)
            return
        await self._app(scope, receive, self._private(key.name, send))

    def _private(self, name: str, send: Send) -> Send:
        """`send` with answers made private, and their bytes counted for the key."""
        limits = self._rate_limits
        if limits is not None and not limits.counts_bytes:
            limits = None

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*map(private_field, message["headers"])]
            elif limits is not None:
                await limits.spend(name, len(message.get("body", b"")))
            await send(message)

        return send_private


def check_scope(key: Key, path: str) -> None:
    """Raise ScopeError for a path that the scopes of `key` do not cover."""
    needed = scope_of(path)
    if needed is not None and key.scopes and needed not in key.scopes:
        raise ScopeError(
            f"the key {key.name} does not cover {needed}, only {', '.join(key.scopes)}: use another key"
        )
