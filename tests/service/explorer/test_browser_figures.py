"""Figures of the explorer in Chromium: bytes, and times that are reported."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.explorer.browser import MAX_SHIFT, Visitor, at_rest, shift
from tests.service.explorer.test_browser import ROOMS

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAX_COMPRESSED = 250_000  # bytes of all files of the page
REPEATS = 3
TIMING = """() => {
    const timing = performance.getEntriesByType("navigation")[0].toJSON();
    return ["responseStart", "domInteractive", "domContentLoadedEventEnd", "loadEventEnd"]
        .map((name) => [name, Math.round(timing[name])]);
}"""
LOADED = """() => Object.fromEntries([...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")]
    .filter(({name}) => !/\\/v1\\/|\\/api\\//.test(name))
    .map(({name, encodedBodySize}) => [name.split("?")[0], encodedBodySize]))"""
ACT = """([selector, value, mark]) => {
    const element = document.querySelector(selector);
    performance.clearMarks(mark);
    performance.mark("act");
    if (value === null) return element.click();
    element.value = value;
    element.dispatchEvent(new Event("input", {bubbles: true}));
}"""
SPAN = """(mark) => performance.getEntriesByName(mark).at(-1).startTime
    - performance.getEntriesByName("act").at(-1).startTime"""

pytestmark = pytest.mark.slow
Measured = Callable[[str, object], None]


def milliseconds(page: Page, mark: str, selector: str, values: list[str | None]) -> int:
    """The median time from an input to the drawing that follows."""
    spans = []
    for value in values:
        page.evaluate(ACT, [selector, value, mark])
        page.wait_for_function("mark => performance.getEntriesByName(mark).length > 0", arg=mark)
        spans.append(page.evaluate(SPAN, mark))
        at_rest(page)
    return round(median(spans))


def test_the_page_is_small(visit: Visitor, measured: Measured) -> None:
    page = visit.open("/")
    sizes: dict[str, int] = {}
    for path in ROOMS.values():
        page.goto(f"{visit.site}{path}")
        at_rest(page)
        sizes |= page.evaluate(LOADED)
        assert shift(page) <= MAX_SHIFT, path
    measured("page_compressed_bytes", sum(sizes.values()))
    assert len([url for url in sizes if "/explorer/" in url]) > 15
    assert sum(sizes.values()) <= MAX_COMPRESSED, sizes


def test_times_of_the_tensor_room(visit: Visitor, measured: Measured) -> None:
    """From the navigation to fields that take input, and from a key to the picture of 256 × 784 values."""
    visit.open("/")  # warms the service; the next window has nothing in its cache
    page = visit.open("/")
    found = page.evaluate("performance.getEntriesByName('interactive')[0].startTime")
    measured("page_interactive_ms", round(found))
    for name, value in page.evaluate(TIMING):
        measured(f"page_{name}_ms", value)
    seeds = [str(seed) for seed in range(1, REPEATS + 1)]
    selector = "input[inputmode=numeric]"
    measured("page_tensor_redraw_ms", milliseconds(page, "tensor drawn", selector, [*seeds]))
    assert page.get_by_label("Seed").input_value() == seeds[-1]


def test_times_of_the_network_room(visit: Visitor, measured: Measured) -> None:
    """From a click on another seed to the charts of eight layers of ReLU under four inits."""
    page = visit.open("/?room=network&preset=deep-relu")
    seeds = [str(seed) for seed in range(1, REPEATS + 1)]
    selector = ".pair.even .field:last-child input"
    measured("page_evaluation_ms", milliseconds(page, "network drawn", selector, [*seeds]))
    assert page.locator("tbody tr").count() == 4


def test_a_worker_generates_what_the_service_sends(visit: Visitor) -> None:
    page = visit.open("/?room=checkpoints")
    assets = page.evaluate("document.querySelector('script[type=module]').src.replace(/app.js$/, '')")
    found: Any = page.evaluate(
        """async (assets) => {
            const { generate, generateInWorker, TensorseedError, UnsupportedError } =
                await import(`${assets}tensorseed/index.js`);
            const query = new URLSearchParams("shape=64,32&init=normal&std=0.02&seed=7&dtype=bfloat16");
            const [file, other] = await Promise.all([
                generateInWorker(query), generateInWorker({ shape: [3], init: "zeros", seed: 2n ** 63n })]);
            const answer = await fetch(`${assets}../../v1/weights?${query}`);
            const sent = new Uint8Array(await answer.arrayBuffer());
            const failure = (query, options) => generateInWorker(query, options).catch((error) => error);
            const fault = await failure({ shape: [3], init: "normal", std: -1 });
            const large = await failure({ shape: [2 ** 13, 2 ** 13], init: "zeros" });
            const gone = await failure(query, { signal: AbortSignal.abort() });
            const control = new AbortController();
            const running = failure({ shape: [2000, 2000], init: "normal" }, { signal: control.signal });
            control.abort();
            const stopped = await running;
            const again = await generateInWorker(query);
            return {
                equal: sent.length === file.bytes.length && sent.every((byte, at) => byte === file.bytes[at]),
                digests: [file.sha256, again.sha256, generate(query).sha256],
                kinds: [file.values.constructor.name, file.values.length, other.values.length],
                fault: [fault instanceof TensorseedError, fault.name, fault.field],
                large: [large instanceof UnsupportedError, large.name, large.field],
                aborted: [gone.name, stopped.name],
            };
        }""",
        assets,
    )
    assert found["equal"]
    assert len(set(found["digests"])) == 1
    assert found["kinds"] == ["Float32Array", 2048, 3]
    assert found["fault"] == [True, "TensorseedError", "std"]
    assert found["large"] == [True, "UnsupportedError", "shape"]
    assert found["aborted"] == ["AbortError", "AbortError"]
