"""The judge lets nothing pass that the contract does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.fuzz.messages import Answer, Asked
from tools.fuzz.verdict import PROBLEM, Judge, contract

JUDGE = Judge(contract())
GET = Asked("GET", "/v1/schemes?x=1")
FIELDS = {"x-request-id": "1", "content-type": PROBLEM, "cache-control": "no-store"}
DOCUMENT = {"type": "urn:tensorseed:problem:unknown-name", "title": "t", "status": 404, "detail": "d"}
TOKEN = Asked("GET", "/v1/weights/s1.x")


def answer(code: int = 404, fields: Any = FIELDS, **changes: Any) -> Answer:
    """An error, with something else in its document."""
    return Answer(code, fields, json.dumps({**DOCUMENT, "status": code, **changes}).encode())


def test_what_is_documented_passes() -> None:
    JUDGE.check(TOKEN, answer())
    JUDGE.check(TOKEN, Answer(200, FIELDS, b"anything"))
    JUDGE.check(Asked("HEAD", "/v1/weights/s1.x"), Answer(404, FIELDS, b""))
    JUDGE.check(Asked("PUT", "/healthz"), answer(405, {**FIELDS, "allow": "GET"}))
    JUDGE.check(Asked("GET", "/nothing"), answer())


@pytest.mark.parametrize(
    ("asked", "answered", "fault"),
    [
        (TOKEN, answer(500), "the service failed"),
        (TOKEN, answer(503), "the service failed"),
        (TOKEN, answer(fields={**FIELDS, "x-request-id": ""}), "no request id"),
        (TOKEN, answer(fields={**FIELDS, "content-type": "application/json"}), "no problem document"),
        (TOKEN, answer(fields={**FIELDS, "cache-control": "public"}), "may be kept"),
        (TOKEN, answer(detail="Traceback (most recent call last)"), "tells of the inside"),
        (TOKEN, answer(status=422), "two statuses"),
        (TOKEN, answer(type="about:blank"), "another type"),
        (TOKEN, answer(detail=5), "no problem as documented"),
        (TOKEN, answer(errors=[{"pointer": 5, "detail": "d"}]), "no problem as documented"),
        (TOKEN, answer(415), "a status that the contract does not have"),
        (GET, answer(416), "a status that the contract does not have"),
        (TOKEN, answer(405), "405 without Allow"),
        (Asked("HEAD", "/"), answer(), "HEAD with a body"),
        (TOKEN, answer(fields={**FIELDS, "x-error-code": "RepoNotFound"}), "no error of the hub"),
    ],
)
def test_what_is_not_documented_does_not(asked: Asked, answered: Answer, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        JUDGE.check(asked, answered)
