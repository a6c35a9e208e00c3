"""From a request to the snapshot that it is about."""

from __future__ import annotations

from starlette.requests import Request

from tensorseed.checkpoints.snapshot import Snapshot

from ..http.state import state_of
from .errors import COMMIT
from .urls import Place


async def snapshot_at(request: Request, place: Place) -> Snapshot:
    """The snapshot of a place, whose commit errors from here on tell too.

    Raises UnknownRepositoryError, UnknownRevisionError, RecipeError and TooLargeError.
    """
    snapshot = await state_of(request).library.snapshot(place.repository, place.revision)
    request.scope[COMMIT] = snapshot.commit
    return snapshot
