"""From a request to the snapshot that it is about."""

from __future__ import annotations

from starlette.requests import Request

from service.http.state import state_of
from service.hub.errors import COMMIT
from service.hub.urls import Place
from tensorseed.checkpoints.snapshot import Snapshot


async def snapshot_at(request: Request, place: Place) -> Snapshot:
    """The snapshot of a place, whose commit errors from here on tell too.

    Raises UnknownRepositoryError, UnknownRevisionError, RecipeError and TooLargeError.
    """
    snapshot = await state_of(request).library.snapshot(place.repository, place.revision)
    request.scope[COMMIT] = snapshot.commit
    return snapshot
