"""Form of errors: a sentence, and every fault of a document."""

from __future__ import annotations

from service.http.errors import QueryError
from tensorseed.errors import SpecError


def check_refusal(error: Exception) -> None:
    """Raise AssertionError for an error that tells nothing."""
    assert str(error), "an error without a word"
    if isinstance(error, SpecError | QueryError):
        assert error.faults, "refused without a fault"
        assert all(fault.detail for fault in error.faults), "a fault without a word"
