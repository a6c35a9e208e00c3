"""Fixtures of the explorer: a server a process, and a browser a module."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.service.explorer.browser import CHROMIUM, Visitor, browsing
from tests.serving import served


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of a server in a process of its own."""
    with served() as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")  # its event loop is the thread's, so that no other test could run one
def visitors(site: str) -> Iterator[Visitor]:
    """One browser, which knows no host but the server."""
    pytest.importorskip("playwright", reason="playwright is not here: pip install playwright")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("Chromium is not here: apt-get install chromium")
    with browsing(program, site) as visitor:
        yield visitor


@pytest.fixture
def visit(visitors: Visitor) -> Iterator[Visitor]:
    """Opens pages of the explorer, none of which may complain or ask another host."""
    yield visitors
    visitors.leave()


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Keeps a figure by name, which the end of the test run prints."""
    return lambda name, value: request.node.user_properties.append((name, value))
