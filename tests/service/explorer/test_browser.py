"""The explorer in Chromium: clicks, keys, links, themes, widths, offline."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.explorer.browser import MAX_SHIFT, Visitor, at_rest, evaluated, shift

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[3]
AXE = ROOT / "build" / "clients" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
ROOMS = {
    "tensor": "/",
    "network": "/?room=network",
    "checkpoints": "/?room=checkpoints",
    "repository": "/tensorseed/tiny-llama",
    "file": "/tensorseed/tiny-llama/blob/main/config.json",
}
PRESETS = ("MLP", "Deep tanh", "Deep ReLU", "Convnet", "Residual", "GPT-2 block")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

pytestmark = pytest.mark.slow


def drawn(page: Page) -> list[int]:
    """The number of points of each line in each chart."""
    found: list[int] = page.eval_on_selector_all(
        ".charts svg[role=img] path[stroke^='var(--series']",
        "lines => lines.map(line => line.getAttribute('d').split(/[ML]/).length - 1)",
    )
    return found


def test_a_tensor_by_clicks_has_the_digest_of_its_line(visit: Visitor) -> None:
    page = visit.open("/")
    page.get_by_label("Scheme").select_option("normal")
    page.get_by_label("std", exact=True).fill("0.02")
    page.get_by_label("Shape").fill("64,32")
    page.get_by_label("Seed").fill("7")
    page.get_by_role("tab", name="curl").click()
    page.wait_for_url(re.compile("seed=7"))
    at_rest(page)
    page.get_by_role("button", name="Copy curl").click()
    line = page.evaluate("navigator.clipboard.readText()")
    program, *words = shlex.split(re.sub(r"\\\n", " ", line).split("|")[0])
    assert program == "curl"
    output = [] if "-o" not in words else ["-o", "-"]
    if output:
        del words[words.index("-o") : words.index("-o") + 2]
    content = subprocess.run([program, "-s", *words], capture_output=True, check=True).stdout
    assert hashlib.sha256(content).hexdigest() == page.locator(".digest code").inner_text()
    assert visit.site in line


def test_each_preset_and_lesson_draws(visit: Visitor) -> None:
    page = visit.open("/?room=network")
    for name in PRESETS:
        link = page.get_by_role("link", name=name, exact=True)
        if link.get_attribute("aria-current") != "true":
            assert evaluated(page, link.click).status == 200
        assert page.get_by_role("link", name=name, exact=True).get_attribute("aria-current") == "true"
        variants = page.locator(".variants li").count()
        assert len(drawn(page)) >= 3 * variants, name
        assert all(points > 1 for points in drawn(page)), name
        assert page.locator("tbody tr").count() == variants
    lesson = page.get_by_role("link", name="Batch normalisation mends a bad init")
    report = evaluated(page, lesson.click).json()
    assert page.get_by_label("Batch normalisation").is_checked()
    assert [one["warnings"] for one in report["reports"]] == [[], [], []]
    bare = evaluated(page, lambda: page.get_by_label("Batch normalisation").uncheck()).json()
    assert [bool(one["warnings"]) for one in bare["reports"]] == [True, True, False]
    assert page.locator(".findings dd.warning").count() == sum(
        len(one["warnings"]) for one in bare["reports"]
    )
    page.go_back()
    at_rest(page)
    assert page.get_by_role("link", name="GPT-2 block").get_attribute("aria-current") == "true"


def test_inits_are_added_and_removed_and_a_link_restores_them(visit: Visitor) -> None:
    page = visit.open("/?room=network&preset=mlp&variants=zeros|xavier_normal&steps=2")
    page.get_by_label("Add an init or optimizer").select_option("trunc_normal")
    page.get_by_label("Its parameters").fill("std=0.1")
    body = evaluated(page, page.get_by_role("button", name="Add").click).request.post_data_json
    label = "trunc_normal std=0.1"
    assert [one["label"] for one in body["compare"]] == ["zeros", "xavier_normal", label]
    assert body["compare"][2]["init"] == {"kind": "trunc_normal", "std": 0.1}
    body = evaluated(page, page.get_by_role("button", name="Remove zeros").click).request.post_data_json
    assert [one["label"] for one in body["compare"]] == ["xavier_normal", label]
    body = evaluated(page, lambda: page.get_by_label("Depth").fill("3")).request.post_data_json
    assert body["layers"][0]["name"] == "h{1..3}.fc"
    body = evaluated(page, lambda: page.get_by_label("Gain").fill("0.3")).request.post_data_json
    assert body["compare"][1]["init"] == {"kind": "trunc_normal", "std": 0.2, "a": -4, "b": 4}
    page.wait_for_url(re.compile("gain=2"))
    again = visit.open(page.url.removeprefix(visit.site))
    assert (
        again.get_by_label("Evaluation, as JSON").input_value()
        == page.get_by_label("Evaluation, as JSON").input_value()
    )
    assert again.locator(".variants li").all_inner_texts() == page.locator(".variants li").all_inner_texts()
    assert drawn(again) == drawn(page)


def test_a_request_by_hand_has_its_faults_beside_it(visit: Visitor) -> None:
    page = visit.open("/?room=network&preset=mlp&variants=zeros&steps=0")
    page.get_by_text("The request:").click()
    field = page.get_by_label("Evaluation, as JSON")
    text = field.input_value()
    wrong = text.replace('"in_features": 64', '"in_features": "wide"', 1)
    assert evaluated(page, lambda: field.fill(wrong)).status == 422
    fault = page.locator(".faults li").first
    assert "/layers/0/in_features" in fault.inner_text()
    position = fault.get_by_role("button")
    position.click()
    line = wrong.split("\n")[int(re.findall(r"line (\d+)", position.inner_text())[0]) - 1]
    assert "wide" in line
    assert evaluated(page, lambda: field.fill(text[:-1])).status == 422
    assert re.search(r"line \d+, column \d+", page.locator(".faults li").inner_text())
    assert field.get_attribute("aria-invalid") == "true"
    own = text.replace('"seed": 0', '"seed": 18446744073709551615')  # more digits than a double has
    answer = evaluated(page, lambda: field.fill(own))
    assert (answer.status, answer.request.post_data) == (200, own)
    page.wait_for_url(re.compile("18446744073709551615"))
    assert page.locator(".faults li").count() == 0
    evaluated(page, page.get_by_role("button", name="Back to the preset").click)
    assert field.input_value() == text


def test_the_keyboard_is_enough(visit: Visitor) -> None:
    page = visit.open("/")

    def tab_to(role: str, name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.get_by_role(role, name=name, exact=True).evaluate(
                "element => element === document.activeElement"
            ):
                return
        pytest.fail(f"no tab stop: {role} {name}")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("link", "Network")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    evaluated(page, lambda: page.keyboard.press("Enter"))
    tab_to("link", "MLP")
    evaluated(page, lambda: page.keyboard.press("Enter"))
    tab_to("button", "Remove zeros")
    body = evaluated(page, lambda: page.keyboard.press("Space")).request.post_data_json
    assert "zeros" not in [one["label"] for one in body["compare"]]
    tab_to("slider", "Depth")
    body = evaluated(page, lambda: page.keyboard.press("ArrowRight")).request.post_data_json
    assert body["layers"][0]["name"] == "h{1..3}.fc"
    tab_to("checkbox", "Batch normalisation")
    body = evaluated(page, lambda: page.keyboard.press("Space")).request.post_data_json
    assert "BatchNorm1d" in [layer["type"] for layer in body["layers"]]


def test_a_slider_that_moves_sends_one_request(visit: Visitor) -> None:
    page = visit.open("/?room=network&preset=mlp&variants=zeros&steps=0")
    before = len([url for url in visit.requested if url.endswith("/v1/evaluations")])
    slider = page.get_by_label("Depth")

    def move() -> None:
        for value in range(3, 13):
            slider.fill(str(value))

    evaluated(page, move)
    page.wait_for_timeout(300)
    assert len([url for url in visit.requested if url.endswith("/v1/evaluations")]) <= before + 3
    assert page.get_by_label("Evaluation, as JSON").input_value().count("h{1..12}") == 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_room_breaks_a_rule_of_accessibility(visit: Visitor, dark: bool) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not here: make clients")
    page = visit.open("/", dark=dark)
    faults: list[Any] = []
    for name, path in ROOMS.items():
        page.goto(f"{visit.site}{path}")
        at_rest(page)
        for summary in page.locator("summary").all():
            summary.click()
        page.evaluate(AXE.read_text())
        found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", RULES)
        faults += [
            (name, fault["id"], [node["html"][:200] for node in fault["nodes"]])
            for fault in found["violations"]
        ]
        assert len(found["passes"]) > 20
    assert faults == []


def test_no_room_is_wider_than_a_telephone(visit: Visitor) -> None:
    page = visit.open("/", width=390, height=844)
    for name, path in ROOMS.items():
        page.goto(f"{visit.site}{path}")
        at_rest(page)
        assert shift(page) <= MAX_SHIFT, name
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        wide = "cells => cells.filter((c) => c.scrollWidth > c.clientWidth).map((c) => c.innerText)"
        assert page.eval_on_selector_all(".scroll :is(th, td)", wide) == [], name


def test_every_state_says_what_it_is(visit: Visitor) -> None:
    page = visit.open("/?room=attic")
    assert page.locator("h1").inner_text() == "There is no room attic"
    page.locator("main").get_by_role("link", name="Checkpoints").click()
    at_rest(page)
    page.get_by_label("Search").fill("no such model")
    assert "No recipe matches" in page.locator(".list").inner_text()
    empty = visit.open("/?shape=0,4")
    assert empty.locator(".blank").all_inner_texts() == ["There are no values to draw."] * 2
    wrong = visit.open("/?shape=3,x")
    assert "commas" in wrong.locator(".field.bad .error").inner_text()
    assert wrong.get_by_label("Shape").get_attribute("aria-invalid") == "true"
    assert wrong.get_by_role("link", name="Download").count() == 0
    assert wrong.locator(".blank").all_inner_texts() == ["No picture: see the field at fault."] * 2
    unknown = visit.open("/tensorseed/tiny-llama/tree/no-such-revision")
    unknown.get_by_role("link", name="See the revision main").click()
    at_rest(unknown)
    unknown.get_by_label("Seed").fill("4x")
    assert unknown.locator(".field.bad .error").inner_text() == "a whole number, in digits"
    unknown.get_by_label("Seed").fill("42")
    unknown.wait_for_url(re.compile("/tree/seed-42$"))
    network = visit.open("/?room=network&preset=mlp&variants=nonsense")
    assert network.get_by_role("alert").inner_text() == "Not evaluated: the request has a fault."


def test_a_file_of_a_repository_is_shown(visit: Visitor) -> None:
    page = visit.open("/tensorseed/tiny-llama/blob/seed-42/config.json")
    assert '"model_type": "llama"' in page.get_by_role("region", name="config.json", exact=True).inner_text()
    page.get_by_role("link", name="README.md").click()
    page.wait_for_url(re.compile("/blob/seed-42/README.md$"))
    at_rest(page)
    assert "tiny-llama" in page.get_by_role("region", name="README.md", exact=True).inner_text()
    page.get_by_role("link", name="Close").click()
    page.wait_for_url(re.compile("/tree/seed-42$"))
    assert page.get_by_role("region", name="README.md", exact=True).count() == 0
    weights = visit.open("/tensorseed/tiny-llama/blob/main/model.safetensors")
    link = weights.locator(".file").get_by_role("link", name="Download").get_attribute("href")
    assert link == f"{visit.site}/tensorseed/tiny-llama/resolve/main/model.safetensors"
    none = visit.open("/tensorseed/tiny-llama/blob/main/none.json")
    assert "There is no file none.json" in none.get_by_role("alert").inner_text()


def test_a_repository_is_fetched_by_its_line(visit: Visitor, tmp_path: Path) -> None:
    page = visit.open("/tensorseed/tiny-llama/tree/seed-42,dtype=float16")
    page.get_by_role("tab", name="tensorseed").click()
    page.get_by_role("button", name="Copy tensorseed").click()
    program, *words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert program == "tensorseed"
    folders = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, "-m", "tensorseed", *words]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": folders})
    shown = page.locator(".files tbody th").all_inner_texts()
    assert sorted(path.name for path in (tmp_path / "tiny-llama").iterdir()) == sorted(shown)


def test_focus_is_never_lost(visit: Visitor) -> None:
    page = visit.open("/?room=network&preset=mlp&variants=zeros|normal:std=0.02&steps=0")
    focused = "document.activeElement.closest('.key, .variants')?.className"
    key = page.get_by_role("button", name="API key")
    key.press("Enter")
    assert page.evaluate("document.activeElement.type") == "password"
    page.keyboard.press("Escape")
    assert page.get_by_label("API key").count() == 0 or not page.get_by_label("API key").is_visible()
    assert page.evaluate(focused) == "key"
    evaluated(page, lambda: page.get_by_role("button", name="Remove zeros").press("Enter"))
    assert page.evaluate(focused) == "variants"
