"""Contexts: the objects that the requests of a domain share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from starlette.requests import Request

from tensorseed.spec.limits import Limits

from ..settings import Settings
from ..worker.worker import Worker
from .concurrency_limit import ConcurrencyLimit


@dataclass(frozen=True, slots=True)
class Context:
    """Base of the contexts. The application holds one of each class, by its `name`."""

    name: ClassVar[str]

    settings: Settings
    limits: Limits
    worker: Worker

    @classmethod
    def of(cls, request: Request) -> Self:
        """The context of the application that serves `request`."""
        context: Self = getattr(request.app.state, cls.name)
        return context


@dataclass(frozen=True, slots=True)
class JobsContext(Context):
    """The objects that requests for losses and evaluations share."""

    name = "computations"

    evaluations: ConcurrencyLimit
    losses: ConcurrencyLimit
    streams: ConcurrencyLimit
