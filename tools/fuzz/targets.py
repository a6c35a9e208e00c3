"""Fuzz targets by name, imported on loading.

An import may therefore happen under instrumentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

MODULES = {
    "token": "tools.fuzz.tokens",
    "range": "tools.fuzz.range_sets",
    "safetensors": "tools.fuzz.bodies",
    "slice": "tools.fuzz.boxes",
    "revision": "tools.fuzz.revisions",
    "recipe": "tools.fuzz.recipes",
    "query": "tools.fuzz.queries",
    "answer": "tools.fuzz.client.answers",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test. `check` raises for an input that is handled badly."""

    name: str
    check: Callable[[bytes], None]
    corpus: Sequence[bytes]


def load(name: str) -> Target:
    """The target of this name, or the one that the module of this name is."""
    module = import_module(MODULES.get(name, name))
    return Target(name, module.check, module.corpus())
