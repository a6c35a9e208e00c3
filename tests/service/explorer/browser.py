"""Chromium over pages of the explorer, with all complaints and requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# A sandbox needs what a container may lack. No other host has an address.
_OPTIONS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_NETWORK_FAULT = "Failed to load resource"  # the console's word for an answer of 400 or more
MAX_SHIFT = 0.001  # of a layout that stays; Web Vitals call 0.1 good
_SHIFT = """() => new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) sum += one.hadRecentInput ? 0 : one.value;
    }).observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 100);
})"""
SECONDS = 30  # that a machine under load may take for an evaluation


class Visitor:
    """A person at a browser, who opens pages one after the other."""

    def __init__(self, browser: Browser, site: str) -> None:
        self.site = site
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.requested: list[str] = []

    def open(self, path: str = "/", *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """A page in a window of its own, loaded and at rest."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(SECONDS * 1_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))
        page.goto(f"{self.site}{path}")
        at_rest(page)
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and _NETWORK_FAULT not in text:
            self.complaints.append(text)

    def leave(self) -> None:
        """Close all windows, and check that no page complained or asked another host."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()
        complaints, self.complaints = self.complaints, []
        foreign = {url for url in self.requested if not url.startswith((f"{self.site}/", "data:", "blob:"))}
        self.requested.clear()
        assert complaints == []
        assert foreign == set()


@contextmanager
def browsing(program: str, site: str) -> Iterator[Visitor]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_OPTIONS])
        try:
            yield Visitor(browser, site)
        finally:
            browser.close()


def at_rest(page: Page) -> None:
    """Wait until a room is there, computes nothing, and has drawn its charts."""
    from playwright.sync_api import expect

    page.locator("main h1").wait_for()
    unrest = "main [aria-busy=true], main .waiting, main .chart:empty:visible"
    expect(page.locator(unrest)).to_have_count(0, timeout=SECONDS * 1_000)


def shift(page: Page) -> float:
    """The sum of the page's layout shifts since it was opened."""
    return float(page.evaluate(_SHIFT))


def evaluated(page: Page, act: Any) -> Any:
    """The answer to the evaluation that `act` has the page ask for; the page is at rest then."""
    with page.expect_response(lambda answer: answer.url.endswith("/v1/evaluations")) as caught:
        act()
    at_rest(page)
    return caught.value
