"""Kinds of problems of the evaluations routes."""

from __future__ import annotations

from tensorseed.errors import EvaluationError

from ..http.problems import COMMON, ProblemKind

PROBLEMS = COMMON.extended(
    {EvaluationError: ProblemKind("invalid-evaluation", 422, "The evaluation is not valid")}
)
