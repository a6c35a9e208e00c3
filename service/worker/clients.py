"""The client of a request, whom its work is charged to."""

from __future__ import annotations

from contextvars import ContextVar

from .scheduler import Client

CLIENT: ContextVar[Client] = ContextVar("client", default=None)
"""The name of the request's API key, else its connection; None for the service itself."""
