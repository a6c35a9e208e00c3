"""Dependencies of the losses routes."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from tensorseed.spec.limits import Limits

from ..http.concurrency_limit import ConcurrencyLimit
from ..settings import Settings
from ..worker.worker import Worker


@dataclass(frozen=True, slots=True)
class LossesContext:
    """The objects that requests for losses share."""

    settings: Settings
    limits: Limits
    worker: Worker
    jobs: ConcurrencyLimit

    @classmethod
    def create(cls, settings: Settings, worker: Worker, jobs: ConcurrencyLimit) -> LossesContext:
        """The context of one application."""
        return cls(settings, settings.limits(), worker, jobs)


def context_of(request: Request) -> LossesContext:
    """The context of the application that serves `request`."""
    context: LossesContext = request.app.state.losses
    return context
