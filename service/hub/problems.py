"""Kinds of problems of the Hub, in the error form of its clients.

The field X-Error-Code selects the exception that a client raises. X-Error-Message is its text, and the body
is `{"error": …}`. An answer to HEAD has no body and names no type, since one client parses what has a type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.errors import (
    RecipeError,
    UnknownEntryError,
    UnknownRepositoryError,
    UnknownRevisionError,
)

from ..http.negotiation import JSON
from ..http.openapi import header_field, reference
from ..http.paths import route_path
from ..http.problems import COMMON, Occurrence, ProblemKind
from .schemas import HubError

COMMIT = "tensorseed.commit"  # in an ASGI scope: the commit of the requested snapshot

CODES = {
    "unknown-repository": "RepoNotFound",
    "unknown-revision": "RevisionNotFound",
    "unknown-entry": "EntryNotFound",
    "forbidden": "GatedRepo",
}
MESSAGES = {"unauthorized": "Invalid credentials in Authorization header"}  # others are read as RepoNotFound
WARNINGS = {"unauthorized": "Authentication"}  # topics under which clients show the detail of a HEAD
DETAILS = {
    "unknown-path": "nothing is here: models are read at /{id}/resolve/{revision}/{path} and below "
    "/api/models, and nothing is written",
    "unauthorized": "a key of this service is needed: set HF_TOKEN to it",
}

_ELSEWHERE = re.compile(r"(?:/api)?/(datasets|spaces|buckets)(?:/|$)")
_SAFE = "".join(map(chr, range(32, 127)))
_MESSAGE_CHARS = 1_000


class HubErrorFormat:
    """Errors as clients of the Hub read them."""

    def response(self, occurrence: Occurrence, scope: Mapping[str, Any]) -> Response:
        """See `ErrorFormat`."""
        name = occurrence.kind.name
        detail = DETAILS.get(name, occurrence.detail)
        code = CODES.get(name)
        if name == "unknown-path" and (elsewhere := _ELSEWHERE.match(route_path(scope))):
            code, detail = "RepoNotFound", f"this service has models alone, and no {elsewhere[1]}"
        fields = {**occurrence.headers, "X-Error-Message": MESSAGES.get(name, _field(detail))}
        if code is not None:
            fields["X-Error-Code"] = code
        if name in WARNINGS:
            fields["X-HF-Warning"] = f"{WARNINGS[name]}; {_field(detail)}"
        if COMMIT in scope:
            fields["X-Repo-Commit"] = scope[COMMIT]
        if scope["method"] == "HEAD":
            return Response(None, occurrence.kind.status, fields)
        return Response(orjson.dumps({"error": detail}), occurrence.kind.status, fields, JSON)

    def documented(self, kinds: Sequence[ProblemKind]) -> dict[str, Any]:
        """See `ErrorFormat`."""
        headers = {"X-Error-Message": header_field("The fault and its remedy.", "No recipe has this id.")}
        if any(kind.name in CODES for kind in kinds):
            code = header_field("The kind of error.", "RepoNotFound")
            code["schema"] = {"type": "string", "enum": [*CODES.values()]}
            headers["X-Error-Code"] = code
        return {
            "x-kinds": {kind.name: kind.title for kind in kinds},
            "headers": headers,
            "content": {JSON: {"schema": reference(HubError)}},
        }


RECIPE_PROBLEMS = COMMON.extended(
    {
        UnknownRepositoryError: ProblemKind("unknown-repository", 404, "No recipe has this id"),
        UnknownRevisionError: ProblemKind("unknown-revision", 404, "The repository has no such revision"),
        UnknownEntryError: ProblemKind("unknown-entry", 404, "The revision has no such file"),
        RecipeError: ProblemKind("invalid-recipe", 422, "The recipe is not valid"),
        ConfigError: ProblemKind("invalid-config", 422, "The config is not valid"),
        MissingExtraError: ProblemKind("missing-extra", 501, "This needs an extra that is missing"),
        DerivationTimeError: ProblemKind("slow-derivation", 413, "The model takes too long to build"),
    }
)
"""Problems of recipes, as problem documents."""

HUB_PROBLEMS = RECIPE_PROBLEMS.extended({}, HubErrorFormat())
"""Problems of repositories, in the form of the Hub."""


def _field(text: str) -> str:
    """The text as the value of a header field: printable ASCII, the rest percent-encoded."""
    return quote(text[:_MESSAGE_CHARS], safe=_SAFE)
