"""Kinds of problems of the losses routes."""

from __future__ import annotations

from tensorseed.errors import LossError

from ..http.problems import COMMON, ProblemKind

PROBLEMS = COMMON.extended({LossError: ProblemKind("invalid-loss", 422, "The loss cannot be evaluated")})
