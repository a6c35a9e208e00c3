"""Errors as clients of the Hugging Face Hub read them.

The field X-Error-Code decides which exception a client raises, X-Error-Message is what it says, and the body
is `{"error": …}`. An answer to HEAD has no body and names no type, since one client parses what has a type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from ..http.negotiation import JSON

RESERVED = ("v1", "api", "docs", "healthz", "readyz", "metrics", "openapi.json")  # no first part of an id
WHOAMI = "/api/whoami-v2"
COMMIT = "tensorseed.commit"  # of the scope: the commit that a request was found to be about

CODES = {
    "unknown-repository": "RepoNotFound",
    "unknown-revision": "RevisionNotFound",
    "unknown-entry": "EntryNotFound",
    "forbidden": "GatedRepo",
}
MESSAGES = {"unauthorized": "Invalid credentials in Authorization header"}  # else taken for RepoNotFound
WARNINGS = {"unauthorized": "Authentication"}  # topics of which clients show the detail, HEAD having no body
DETAILS = {
    "unknown-path": "nothing is here: models are read at /{id}/resolve/{revision}/{path} and below "
    "/api/models, and nothing is written",
    "unauthorized": "a key of this service is needed: set HF_TOKEN to it",
}

_FILES = re.compile(rf"/(?!(?:{'|'.join(map(re.escape, RESERVED))})/)(?:[^/]+/){{1,3}}(?:resolve|raw)/")
_ELSEWHERE = re.compile(r"(?:/api)?/(datasets|spaces|buckets)(?:/|$)")
_SAFE = "".join(map(chr, range(32, 127)))
_MESSAGE_CHARS = 1_000


def is_hub_path(path: str) -> bool:
    """Whether a path belongs to the Hub's protocol, whatever is there."""
    return path == "/api" or path.startswith("/api/") or _FILES.match(path) is not None


def hub_error(
    name: str, status: int, detail: str, headers: Mapping[str, str], scope: Mapping[str, Any]
) -> Response:
    """The answer to the problem called `name`, on a path of the Hub's protocol."""
    detail = DETAILS.get(name, detail)
    code = CODES.get(name)
    if name == "unknown-path" and (elsewhere := _ELSEWHERE.match(scope["path"])):
        code, detail = "RepoNotFound", f"this service has models alone, and no {elsewhere[1]}"
    fields = {**headers, "X-Error-Message": MESSAGES.get(name, _field(detail))}
    if code is not None:
        fields["X-Error-Code"] = code
    if name in WARNINGS:
        fields["X-HF-Warning"] = f"{WARNINGS[name]}; {_field(detail)}"
    if COMMIT in scope:
        fields["X-Repo-Commit"] = scope[COMMIT]
    if scope["method"] == "HEAD":
        return Response(None, status, fields)
    return Response(orjson.dumps({"error": detail}), status, fields, JSON)


def _field(text: str) -> str:
    """The text as the value of a header field: printable ASCII, the rest percent-encoded."""
    return quote(text[:_MESSAGE_CHARS], safe=_SAFE)
