"""Who may ask: keys and their budgets, before anything else is done for a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http.errors import ExchangeError
from ..http.problems import answer_to
from .keys import Keyring, check_scope, needs_key

if TYPE_CHECKING:
    from .rate_limits import Budgets

KEY_NAME = "tensorseed.key"  # of the scope: the name of the key that a request came with

_PUBLIC, _PRIVATE = b"public", b"private"


class Access:
    """Lets requests with a key through, within the key's budget, and answers 401, 403 or 429 to others.

    What a key was needed for is kept out of shared caches, which would hand it to those without.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring, budgets: Budgets | None) -> None:
        self._app = app
        self._keyring = keyring
        self._budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not needs_key(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            key = self._keyring.find(scope["headers"])
            scope[KEY_NAME] = key.name
            check_scope(key, scope["path"])
            if self._budgets is not None:
                await self._budgets.admit(key.name)
        except ExchangeError as error:
            await answer_to(error, scope)(scope, receive, send)
            return
        await self._app(scope, receive, self._accounted(key.name, send))

    def _accounted(self, name: str, send: Send) -> Send:
        budgets = self._budgets if self._budgets is not None and self._budgets.counts_bytes else None

        async def accounted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [_kept_private(field) for field in message["headers"]]
            elif budgets is not None:
                await budgets.spend(name, len(message.get("body", b"")))
            await send(message)

        return accounted


def _kept_private(field: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = field
    if name.lower() != b"cache-control":
        return field
    return name, value.replace(_PUBLIC, _PRIVATE, 1)
