"""Generated texts of a repository: made when first read, cached in bounds.

A vocabulary of 128,000 tokens is some megabytes of JSON that follow from a few numbers of the config. A
commit names those numbers, and a listing or a download makes the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tensorseed.concurrency.single_flight import SingleFlightCache

MAX_CACHED_BYTES = 16 << 20  # of texts, of all repositories of a library
MAX_FACTS = 4_096  # texts whose size and object id are kept


@dataclass(frozen=True)
class GeneratedText:
    """A text that follows from `source`: what makes it, with a version, and its arguments.

    Texts of one source are one text, whatever their repository. A change of what is made from a source
    changes the version in it, and so the commits.
    """

    source: str
    make: Callable[[], bytes] = field(compare=False, repr=False)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that identify the text without making it."""
        return hashlib.sha256(self.source.encode()).hexdigest()


class TextFacts(NamedTuple):
    """The bytes of a text, and git's object id of it."""

    size: int
    oid: str


class TextCache:
    """The texts used last, and the facts of many more. Any thread may use it."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._texts: SingleFlightCache[bytes] = SingleFlightCache(max_bytes, len)
        self._facts: SingleFlightCache[TextFacts] = SingleFlightCache(MAX_FACTS, lambda _: 1)

    def read(self, text: GeneratedText) -> bytes:
        """The text. Its first reader makes it, which takes up to a second."""
        return self._texts.get(text.source, text.make)

    def facts(self, text: GeneratedText) -> TextFacts:
        """Size and object id, from the text unless they are known."""
        return self._facts.get(text.source, lambda: facts_of(self.read(text)))

    def knows(self, text: GeneratedText) -> bool:
        """Whether `facts` makes no text."""
        return text.source in self._facts

    def peek(self, text: GeneratedText) -> bytes | None:
        """The text, if it is cached."""
        return self._texts.peek(text.source)


def facts_of(text: bytes) -> TextFacts:
    """Size and object id of a text."""
    framed = b"blob %d\0" % len(text) + text
    return TextFacts(len(text), hashlib.sha1(framed, usedforsecurity=False).hexdigest())
