"""Pages for browsers, at `/` and at repositories, with their assets."""

from __future__ import annotations

from .assets import PREFIX
from .routes import Pages, pages

__all__ = ["PREFIX", "Pages", "pages"]
