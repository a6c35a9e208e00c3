"""A request, as its bytes are, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `target` is its path and query, percent-encoded."""

    method: str
    target: str
    fields: Mapping[str, bytes] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer. Names of `fields` are in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes


Send = Callable[[Asked], Answer]
