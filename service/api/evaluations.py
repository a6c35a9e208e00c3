"""Evaluations: what an initialisation does to a network."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])
