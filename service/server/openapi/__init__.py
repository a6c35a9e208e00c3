"""OpenAPI document: how it is built, made small, and served."""

from __future__ import annotations

from .document import build_document
from .route import install_openapi

__all__ = ["build_document", "install_openapi"]
