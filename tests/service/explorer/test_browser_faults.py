"""The explorer in Chromium: addresses, keys and values it cannot take."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.service.explorer.browser import Visitor, at_rest, evaluated

if TYPE_CHECKING:
    from playwright.sync_api import Page

REPOSITORY = "/tensorseed/tiny-llama"
COMMIT = re.compile(r"[0-9a-f]{40}")
UNAUTHORIZED = json.dumps({"status": 401, "detail": "a key of this service is needed: set HF_TOKEN to it"})

pytestmark = pytest.mark.slow


def field_of(page: Page, label: str) -> str:
    """The text of a field, with its fault."""
    return page.locator(".field, .slider", has=page.get_by_label(label, exact=True)).inner_text()


def _is_at(revision: str, url: str) -> bool:
    return unquote(url).endswith(f"/tree/{revision}")


def test_every_path_of_a_repository_is_its_page(visit: Visitor) -> None:
    page = visit.open(f"{REPOSITORY}/blob/seed-42")
    for path, revision in {
        f"{REPOSITORY}/blob/seed-42": "seed-42",
        f"{REPOSITORY}/blob/seed-42/": "seed-42",
        f"{REPOSITORY}/blob/": "main",
        f"{REPOSITORY}/tree/": "main",
        f"{REPOSITORY}/blob": "main",
        f"{REPOSITORY}/tree": "main",
        REPOSITORY.replace("/t", "%2Ft").replace("%2F", "/", 1): "main",
    }.items():
        page.goto(f"{visit.site}{path}")
        at_rest(page)
        assert page.locator("h1").inner_text() == REPOSITORY[1:], path
        assert page.locator("#revision-title code").inner_text() == revision
        assert page.title() == f"{REPOSITORY[1:]} · tensorseed"
    page.goto(f"{visit.site}{REPOSITORY}/blob//config.json")
    at_rest(page)
    assert page.get_by_role("region", name="config.json", exact=True).count() == 1
    assert page.title() == f"config.json · {REPOSITORY[1:]} · tensorseed"


def test_a_commit_has_no_seed_to_change(visit: Visitor) -> None:
    page = visit.open(f"{REPOSITORY}/tree/seed-42")
    [commit] = COMMIT.findall(page.locator(".files").inner_text())
    page.goto(f"{visit.site}{REPOSITORY}/tree/{commit}")
    at_rest(page)
    seed, dtype = page.get_by_label("Seed"), page.get_by_label("Dtype")
    assert seed.is_disabled()
    assert dtype.is_disabled()
    assert (seed.get_attribute("placeholder"), dtype.input_value()) == ("a commit", "a commit")
    page.get_by_role("link", name="the revision main").click()
    page.wait_for_url(re.compile(f"{REPOSITORY}$"))
    assert seed.is_enabled()


def test_a_choice_keeps_the_rest_of_a_revision(visit: Visitor) -> None:
    page = visit.open(f"{REPOSITORY}/tree/seed-42,dtype=half")
    dtype = page.get_by_label("Dtype", exact=True)
    assert dtype.input_value() == "half"
    page.get_by_label("Seed", exact=True).fill("43")
    page.wait_for_url(partial(_is_at, "seed-43,dtype=half"))
    for revision, after in {
        "seed=42": "seed-42,dtype=float16",
        "quantization=fp8": "seed-0,quantization=fp8,dtype=float16",
        "refs%2Fheads%2Fseed-42,dtype=float32": "seed-42,dtype=float16",
        "HEAD": "seed-0,dtype=float16",
    }.items():
        page.goto(f"{visit.site}{REPOSITORY}/tree/{revision}")
        at_rest(page)
        dtype.select_option("float16")
        page.wait_for_url(partial(_is_at, after))
        at_rest(page)
        assert page.locator("main .error, main .notice").count() == 0


def test_a_value_that_is_not_taken_has_its_fault(visit: Visitor) -> None:
    page = visit.open("/?room=network&preset=mlp&variants=zeros&steps=0")
    steps = page.get_by_label("Steps")
    steps.fill("2000")
    assert "at most 200" in field_of(page, "Steps")
    assert steps.get_attribute("aria-invalid") == "true"
    assert '"steps"' not in page.get_by_label("Evaluation, as JSON").input_value()
    evaluated(page, lambda: steps.fill("2"))
    assert steps.get_attribute("aria-invalid") is None
    page.get_by_label("Seed").fill(str(2**64))
    assert f"at most {2**64 - 1}" in field_of(page, "Seed")
    faulty = "&depth=99&width=x&gain=-1&lr=0&steps=2000&seed=q&norm=1"
    page.goto(f"{visit.site}/?room=network&preset=residual&variants=nonsense{faulty}")
    at_rest(page)
    for label, text, fault in (
        ("Depth", "99", "from 1 to 24"),
        ("Width", "x", "from 8 to 128"),
        ("Gain", "-1", "above 0"),
        ("Learning rate", "0", "above 0"),
        ("Steps", "2000", "from 0 to 200"),
        ("Seed", "q", "in digits"),
    ):
        shown = field_of(page, label)
        assert f"The address says {text}:" in shown
        assert fault in shown
        assert page.get_by_label(label, exact=True).get_attribute("aria-invalid") == "true"
    assert "has no such switch" in page.locator(".controls .notice").inner_text()
    variant = page.locator(".variants .error").inner_text()
    assert variant == "unknown scheme: did you mean ones? choose one of the list"
    page.goto(f"{visit.site}/?room=network&preset=no-such")
    at_rest(page)
    assert "There is no network no-such" in page.locator(".controls .notice").inner_text()


def test_a_fault_is_where_the_page_says(visit: Visitor) -> None:
    page = visit.open("/?init=decay&shape=2,8,1")
    for query, notice in (
        ("init=decay&shape=2,8,1", "rates is required"),
        ("init=values&shape=3&data=1,2,3", "data is not valid JSON"),
        ("init=normal&colour=red", "colour: unknown parameter"),
    ):
        page.goto(f"{visit.site}/?{query}")
        at_rest(page)
        assert page.locator(".blank").all_inner_texts() == ["No picture: see the notice of the fault."] * 2
        assert page.locator(".digest").get_by_text("No file: see the notice of the fault.").count() == 1
        assert page.locator(".controls .notice").inner_text().startswith(notice)
        assert page.locator(".field.bad").count() == 0
    page.goto(f"{visit.site}/?init=no-such")
    at_rest(page)
    assert page.locator(".field.bad .error").inner_text() == "unknown scheme: choose one of the list"
    assert page.locator(".blank").first.inner_text() == "No picture: see the field at fault."
    page.goto(f"{visit.site}/?dtype=half&shape=3")
    at_rest(page)
    assert page.get_by_label("Dtype").input_value() == "half", "an alias, which is what is drawn"


def test_a_key_is_needed_in_the_words_of_the_page(visit: Visitor) -> None:
    page = visit.open("/?room=checkpoints")
    refusal = "**/{v1,api}/**"
    page.route(
        refusal,
        lambda route: route.fulfill(status=401, body=UNAUTHORIZED, content_type="application/problem+json"),
    )
    page.reload()
    page.locator("main").get_by_role("alert").wait_for()
    text = page.locator("main").inner_text()
    assert "enter yours under “API key”" in text
    assert "HF_TOKEN" not in text
    page.locator("input[type=password]").fill("wrong")
    page.get_by_role("button", name="Use this key").click()
    page.get_by_text("does not know the key").wait_for()


def test_files_stay_on_the_page_with_a_key(visit: Visitor) -> None:
    page = visit.open(REPOSITORY)
    weights = page.locator(".files").get_by_role("link", name="model.safetensors")
    assert "/resolve/" in str(weights.get_attribute("href"))
    page.get_by_role("button", name="API key").click()
    page.locator("input[type=password]").fill("key")
    page.get_by_role("button", name="Use this key").click()
    at_rest(page)
    weights.click()
    page.wait_for_url(re.compile("/blob/main/model.safetensors$"))
    at_rest(page)
    line = page.get_by_role("region", name="The line that fetches the file").inner_text()
    address = f"{visit.site}{REPOSITORY}/resolve/main/model.safetensors"
    page.get_by_role("tab", name="tensorseed").click()
    fetch = page.get_by_role("region", name="tensorseed").inner_text()
    source = f"{REPOSITORY.removeprefix('/')}@main --url {visit.site}"
    assert fetch == f"TENSORSEED_KEY=$KEY tensorseed fetch {source} -o tiny-llama/"
    assert line == f"curl -s -H \"Authorization: Bearer $KEY\" '{address}' -o 'model.safetensors'"
    assert page.get_by_role("button", name="API key set").count() == 1
    assert page.locator("main a[href*='/resolve/']").count() == 0
