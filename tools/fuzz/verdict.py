"""Verdict on an answer: conformance to the committed contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from openapi_schema_validator import OAS31Validator

from tools.fuzz.messages import Answer, Asked

CONTRACT = Path(__file__).parents[2] / "openapi" / "openapi.json"
PROBLEM = "application/problem+json"
INSIDE = ("Traceback", "pydantic", 'File "', "site-packages", "torch.nn.modules", "aten::", " object at 0x")
"""Words of the inside, which no answer holds."""

_PLACEHOLDER = re.compile(r"\{\w+\}")
_METHOD = "405"  # of any path, for the methods that it lacks: nothing to document
_OF_KEYS_AND_LOAD = frozenset(("401", "403", "429"))  # of all paths, which `default` documents
_OF_THE_PROTOCOL = frozenset(("400", "408", "414", "431", "501"))  # told before a route is known


def contract() -> dict[str, Any]:
    """The committed OpenAPI document."""
    document: dict[str, Any] = json.loads(CONTRACT.read_text())
    return document


class Judge:
    """Judges answers by the document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        paths: Mapping[str, Any] = document["paths"]
        ordered = sorted(paths, key=lambda path: -len(_PLACEHOLDER.sub("", path)))
        self._routes = [
            (re.compile(_PLACEHOLDER.sub(".+", path), re.DOTALL), paths[path]) for path in ordered
        ]
        schemas = {"components": document["components"]}
        problem = {"$ref": "#/components/schemas/Problem", **schemas}
        self._problem = OAS31Validator(problem)

    def check(self, asked: Asked, answer: Answer) -> None:
        """Raise AssertionError where the answer is not as it should be."""
        told = f"{asked}\n{answer.status} {dict(answer.fields)}\n{answer.body[:2000]!r}"
        assert answer.status < 500, f"the service failed: {told}"
        assert answer.fields.get("x-request-id"), f"no request id: {told}"
        self._check_status(asked, answer, told)
        if answer.status < 400:
            return
        text = answer.body.decode()
        assert not any(word in text for word in INSIDE), f"an answer tells of the inside: {told}"
        if asked.method == "HEAD":
            assert not answer.body, f"HEAD with a body: {told}"
        else:
            self._check_error(answer, told)

    def _check_status(self, asked: Asked, answer: Answer, told: str) -> None:
        """Of a request, `default` documents nothing, so an answer must not need it."""
        status = str(answer.status)
        if status == _METHOD:
            assert answer.fields.get("allow"), f"405 without Allow: {told}"
            return
        operation = self._item(asked).get(asked.method.lower())
        if operation is not None:
            known = status in {*operation["responses"], *_OF_THE_PROTOCOL, *_OF_KEYS_AND_LOAD}
            assert known, f"a status that the contract does not have: {told}"

    def _item(self, asked: Asked) -> Mapping[str, Any]:
        """What is documented of the path: of several templates that it fits, of the most literal one."""
        path = unquote(urlsplit(asked.target).path)
        return next((item for pattern, item in self._routes if pattern.fullmatch(path)), {})

    def _check_error(self, answer: Answer, told: str) -> None:
        form = answer.fields.get("content-type", "")
        if "x-error-code" in answer.fields or "x-error-message" in answer.fields:
            self._check_hub(answer, told)
            return
        assert form == PROBLEM, f"an error that is no problem document: {told}"
        document = json.loads(answer.body)
        faults = [fault.message for fault in self._problem.iter_errors(document)]
        assert not faults, f"no problem as documented, {faults}: {told}"
        assert document["status"] == answer.status, f"two statuses: {told}"
        assert document["type"].startswith("urn:tensorseed:problem:"), f"another type: {told}"
        assert answer.fields.get("cache-control") == "no-store", f"an error that may be kept: {told}"

    @staticmethod
    def _check_hub(answer: Answer, told: str) -> None:
        """The hub's clients read an object with `error`, and the fields that tell them what it was."""
        document = json.loads(answer.body)
        assert isinstance(document.get("error"), str), f"no error of the hub: {told}"
        assert document["error"], f"an error without a word: {told}"
