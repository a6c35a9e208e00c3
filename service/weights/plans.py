"""The plan of a file as JSON, with the warnings of this service."""

from __future__ import annotations

from collections.abc import Iterator

from tensorseed.files import plan
from tensorseed.spec.limits import Limits

from .context import OpenFile


def plan_pieces(
    opened: OpenFile, url: str | None, limits: Limits, missing: str | None = None
) -> Iterator[bytes]:
    """The plan in pieces, without computing a value. `missing` is the fault of the device."""
    warnings: list[plan.PlanWarning] = []
    if opened.token is None:
        warnings.append(_token_too_long(limits))
    if missing is not None:
        warnings.append(_missing_device(missing))
    return plan.plan_pieces(opened.file, opened.token, url, warnings)


def _token_too_long(limits: Limits) -> plan.PlanWarning:
    fault = f"the token of this spec is over {limits.token_chars:,} characters, so only POST serves the file"
    remedy = "write repeated entries once, with a brace range such as blocks.{0..11}.weight"
    return {"tensor": None, "code": "token_too_long", "detail": f"{fault}: {remedy}"}


def _missing_device(missing: str) -> plan.PlanWarning:
    return {"tensor": None, "code": "device", "detail": f"{missing}; a request for the file would answer 409"}
