"""Health, readiness and the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fastapi import FastAPI


def test_a_live_service_is_healthy_and_ready(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    response = client.get("/readyz")
    assert response.json() == {"status": "ready", "failed_devices": []}
    assert response.headers["cache-control"] == "no-store"


def test_a_service_that_has_not_started_is_healthy_and_not_ready(
    client: Any, start: Callable[[FastAPI], AbstractContextManager[Any]]
) -> None:
    state = client.app.state.shutdown
    state.ready = False
    try:
        assert client.get("/healthz").status_code == 200
        response = client.get("/readyz")
    finally:
        state.ready = True
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["type"] == "urn:tensorseed:problem:not-ready"


def test_every_path_that_answers_get_answers_head(client: Any) -> None:
    paths = ["/docs", "/docs/oauth2-redirect", "/docs/assets/swagger-ui.css", "/openapi.json", "/healthz"]
    for path in [*paths, "/readyz", "/v1/schemes", "/v1/layers", "/v1/devices"]:
        head = client.head(path)
        assert head.status_code == 200, path
        assert head.headers["content-length"] == client.get(path).headers["content-length"]


def test_the_documentation_needs_no_other_host(client: Any) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/docs/assets/")
        assert client.get(asset).status_code == 200
    assert "https://" not in page.text
    assert client.get("/docs/assets/nothing.js").headers["content-type"] == "application/problem+json"
