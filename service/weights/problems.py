"""Kinds of problems of the weights routes."""

from __future__ import annotations

from tensorseed.errors import SliceError

from ..http.problems import COMMON, ProblemKind

PROBLEMS = COMMON.extended(
    {SliceError: ProblemKind("invalid-slice", 422, "The slice does not fit the tensor", parameter="slice")}
)
