"""Errors of the client: classes by kind, members, messages."""

from __future__ import annotations

import pytest

import tensorseed
from service.server.error_handlers import PROBLEMS
from tensorseed.client import errors
from tensorseed.client.errors import ClientError, DiskError, RefusedError
from tensorseed.errors import Fault, SpecError, TensorseedError

RETRIED = {"urn:tensorseed:problem:out-of-memory"}  # which ends as a NetworkError
KINDS = {kind.type: error for error, kind in PROBLEMS.kinds.items()}
LIBRARY = {
    kind: error
    for kind, error in KINDS.items()
    if error.__module__ == "tensorseed.errors" and kind not in RETRIED
}


@pytest.mark.parametrize("kind", sorted(LIBRARY))
def test_a_refusal_is_the_librarys_error_of_its_kind(kind: str) -> None:
    error = RefusedError.of_problem(422, kind, "no: ask for less", [Fault("/a", "less: write less")])
    assert isinstance(error, LIBRARY[kind])
    assert isinstance(error, RefusedError)
    assert str(error) == "/a: less: write less"
    assert (error.status, error.type, error.detail) == (422, kind, "no: ask for less")
    assert error.faults == [Fault("/a", "less: write less")]


def test_every_kind_that_has_a_class_is_one_of_the_service() -> None:
    assert {f"urn:tensorseed:problem:{name}" for name in errors._KINDS} <= set(KINDS) | {
        "urn:tensorseed:problem:unknown-repository"
    }


def test_every_error_is_the_librarys() -> None:
    for name in ("RefusedError", "NetworkError", "MismatchError", "DiskError"):
        kind = getattr(tensorseed, name)
        assert issubclass(kind, ClientError)
        assert issubclass(kind, TensorseedError)
    assert issubclass(DiskError, OSError)
    assert str(DiskError("w cannot be written: make room")) == "w cannot be written: make room"
    assert ClientError("x").status is None
    assert not isinstance(RefusedError("no"), SpecError)


def test_the_message_has_every_fault() -> None:
    faults = [Fault("/a", "one"), Fault("", "two")]
    assert str(RefusedError.of("2 faults", faults)) == "2 faults:\n  /a: one\n  two"
    many = str(RefusedError.of("25 faults", [Fault("/a", "one")] * 25)).split("\n")
    assert (len(many), many[-1]) == (errors.MAX_FAULTS + 2, "  … and 15 more")
    assert str(RefusedError.of("no", [])) == "no"
