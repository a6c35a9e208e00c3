"""Errors as they must be: with a sentence, and where a document is at fault with every fault told."""

from __future__ import annotations

from service.http.errors import QueryError
from tensorseed.errors import SpecError


def check_refusal(error: Exception) -> None:
    """Raise AssertionError for an error that tells nothing."""
    assert str(error), "an error without a word"
    if isinstance(error, SpecError | QueryError):
        assert error.faults, "refused without a fault"
        assert all(fault.detail for fault in error.faults), "a fault without a word"
