"""Dependencies of the weights routes."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from tensorseed.concurrency.single_flight import AsyncSingleFlightCache
from tensorseed.spec.limits import Limits

from ..http.concurrency_limit import ConcurrencyLimit
from ..settings import Settings
from ..worker.worker import Worker
from .open_files import OpenFiles

DIGEST_CACHE_BYTES = 16 << 20  # of digests as JSON


@dataclass(frozen=True, slots=True)
class WeightsContext:
    """The objects that requests for weights share."""

    settings: Settings
    limits: Limits
    worker: Worker
    streams: ConcurrencyLimit
    files: OpenFiles
    digests: AsyncSingleFlightCache[bytes]

    @classmethod
    def create(cls, settings: Settings, worker: Worker, streams: ConcurrencyLimit) -> WeightsContext:
        """The context of one application."""
        limits = settings.limits()
        files = OpenFiles(worker, limits, settings.cache_tensors)
        digests: AsyncSingleFlightCache[bytes] = AsyncSingleFlightCache(DIGEST_CACHE_BYTES, len)
        return cls(settings, limits, worker, streams, files, digests)


def context_of(request: Request) -> WeightsContext:
    """The context of the application that serves `request`."""
    context: WeightsContext = request.app.state.weights
    return context
