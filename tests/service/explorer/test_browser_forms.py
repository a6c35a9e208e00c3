"""The explorer in Chromium: pictures and reports by URL, or saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.service.explorer.browser import Visitor, at_rest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

TYPES = {"SVG": "image/svg+xml", "PNG": "image/png", "JSON": "application/json"}
TENSOR = "/?init=normal&shape=8,6&seed=7&dtype=bfloat16&map=whole"
NETWORK = "/?room=network&preset=mlp&variants=zeros|xavier_normal&steps=1"

pytestmark = pytest.mark.slow


def links_of(page: Page, name: str) -> dict[str, str]:
    """The addresses of the forms of something."""
    found = {form: page.get_by_role("link", name=f"{name} as {form}", exact=True) for form in TYPES}
    return {form: str(link.get_attribute("href")) for form, link in found.items()}


def test_pictures_and_reports_have_links(visit: Visitor) -> None:
    page = visit.open(TENSOR)
    for name, query in {"the histogram": "?bins=80&", "the heat map": "?view=whole&"}.items():
        for form, address in links_of(page, name).items():
            assert query in address
            with urlopen(address) as answer:
                assert answer.headers["Content-Type"] == TYPES[form]
                if form == "JSON":
                    assert json.load(answer)["dtype"] == "bfloat16"
    network = visit.open(NETWORK)
    table = network.locator("tbody").inner_text()
    address = links_of(network, "the evaluation")["JSON"]
    with urlopen(address) as answer:
        report = json.load(answer)
    assert [one["label"] for one in report["reports"]] == ["zeros", "xavier_normal"]
    assert f"{report['reports'][1]['loss']:.4g}" in table
    with network.expect_popup() as opened:
        network.get_by_role("link", name="the evaluation as PNG").click()
    assert opened.value.evaluate("document.images[0].naturalWidth") > 100


def test_a_fault_has_no_links(visit: Visitor) -> None:
    page = visit.open("/?shape=3,x")
    assert page.locator(".forms a").count() == 0
    assert page.locator(".forms").first.inner_text() == ""
    long = visit.open("/?room=network&preset=mlp&variants=zeros&steps=0")
    field = long.get_by_label("Evaluation, as JSON")
    long.get_by_text("The request:").click()
    request = json.loads(field.input_value())
    columns = request["input"]["shape"][1]
    request["input"] = {"data": [[index / 7 for index in range(columns)]] * 16}
    for name in ("target", "loss"):
        request.pop(name, None)
    field.fill(json.dumps(request))
    long.get_by_text("too long for a URL of its own").wait_for()
    at_rest(long)


def test_a_key_saves_what_a_link_cannot_carry(visit: Visitor, tmp_path: Path) -> None:
    page = visit.open(TENSOR)
    page.get_by_role("button", name="API key").click()
    page.locator("input[type=password]").fill("secret")
    page.get_by_role("button", name="Use this key").click()
    at_rest(page)
    assert page.locator(".forms a").count() == 0
    with page.expect_request("**/histogram?*format=png") as asked, page.expect_download() as saved:
        page.get_by_role("button", name="Save the histogram as PNG").click()
    assert asked.value.headers["authorization"] == "Bearer secret"
    assert saved.value.suggested_filename == "histogram.png"
    saved.value.save_as(tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes().startswith(b"\x89PNG")
    page.route("**/heatmap?*format=svg", lambda route: route.fulfill(status=503, json={"detail": "busy"}))
    page.get_by_role("button", name="Save the heat map as SVG").click()
    assert page.locator(".forms .error").inner_text() == "Not saved: busy."


def test_one_form_is_saved_at_a_time(visit: Visitor) -> None:
    page = visit.open(TENSOR)
    page.get_by_role("button", name="API key").click()
    page.locator("input[type=password]").fill("secret")
    page.get_by_role("button", name="Use this key").click()
    at_rest(page)
    held: list[Route] = []
    page.route("**/histogram?*format=*", lambda route: held.append(route))
    group = page.get_by_role("group", name="Save the histogram")
    save = {form: group.get_by_role("button", name=form) for form in TYPES}
    save["PNG"].click()
    group.get_by_text("Fetching PNG …").wait_for()
    assert group.get_by_role("status").count() == 1
    for form in TYPES:
        save[form].click(force=True)
        assert save[form].get_attribute("aria-disabled") == "true"
    with page.expect_download() as saved:
        held[0].continue_()
    assert saved.value.suggested_filename == "histogram.png"
    group.get_by_text("Saved histogram.png.").wait_for()
    assert len(held) == 1
    save["SVG"].click()
    group.get_by_text("Fetching SVG …").wait_for()
    with page.expect_event("requestfailed") as aborted:
        page.get_by_label("Seed").fill("8")
    assert "format=svg" in aborted.value.url
    group.get_by_text("Fetching").wait_for(state="detached")
    assert page.locator(".forms .error").count() == 0
