"""A server in a process of its own, which prints its URL."""

from __future__ import annotations

import time

from service.server.app import create_app
from service.settings import Settings
from tests.tensorseed.client.conftest import serving


def main() -> None:
    """Serve until killed."""
    with serving(create_app(Settings.model_construct(threads=1))) as url:
        print(url, flush=True)
        time.sleep(600)
