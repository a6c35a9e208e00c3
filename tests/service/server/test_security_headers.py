"""Pages of HTML tell the browser what they may do."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from service.server.app import create_app
from service.server.security_headers import content_policy
from service.settings import Settings


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect"])
def test_a_page_allows_its_own_scripts_alone(client: Any, path: str) -> None:
    page = client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["script-src"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert int(page.headers["content-length"]) == len(page.content)


def test_no_other_kind_of_inline_script_is_on_the_page(client: Any) -> None:
    text = client.get("/docs").text
    assert len(re.findall(r"<script\b(?![^>]*\bsrc=)", text)) == len(re.findall(r"<script>", text))
    assert not re.search(r"\son\w+=", text)


def test_other_answers_have_no_policy(client: Any) -> None:
    for path in ("/docs/assets/swagger-ui.css", "/openapi.json", "/healthz", "/v1/weights?shape=2&init=ones"):
        assert "content-security-policy" not in client.get(path).headers


def test_a_changed_script_has_another_digest() -> None:
    assert content_policy(b"<script>a</script>") != content_policy(b"<script>b</script>")


def test_without_origins_there_is_no_cors(client: Any) -> None:
    answer = client.get("/healthz", headers={"Origin": "https://a.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_origins_of_the_setting_may_read(start: Callable[..., AbstractContextManager[Any]]) -> None:
    settings = Settings.model_construct(threads=1, cors_origins="https://a.example, https://b.example")
    with start(create_app(settings)) as client:
        answer = client.get("/nothing", headers={"Origin": "https://b.example"})
        assert answer.headers["access-control-allow-origin"] == "https://b.example"
        assert "ETag" in answer.headers["access-control-expose-headers"]
        other = client.get("/healthz", headers={"Origin": "https://c.example"})
        assert "access-control-allow-origin" not in other.headers
