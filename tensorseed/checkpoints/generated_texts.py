"""Generated texts of a repository: made when first read, cached in bounds.

A vocabulary of 128,000 tokens is some megabytes of JSON that follow from a few numbers of the config. A
commit names those numbers, and a listing or a download makes the text.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

from tensorseed.concurrency.single_flight import SingleFlightCache
from tensorseed.errors import TensorseedError, shortened

MAX_CACHED_BYTES = 16 << 20  # of texts, of all repositories of a library
MAX_COMPRESSED_BYTES = 16 << 20  # of many more, which take a fifth; the longest text is one of 6 MB
MAX_FACTS = 4_096  # texts whose size and object id are kept

_log = logging.getLogger(__name__)

UNEXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Errors of code that reads a config with a value that it does not expect."""


class UnmadeTextError(TensorseedError):
    """A generated text that could not be made: its repository is served without it."""


@dataclass(frozen=True)
class GeneratedText:
    """A text that follows from `source`: what makes it, with a version, and its arguments.

    Texts of one source are one text, whatever their repository. A change of what is made from a source
    changes the version in it, and so the commits.
    """

    source: str
    make: Callable[[], bytes] = field(compare=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits that identify the text without making it."""
        return hashlib.sha256(self.source.encode()).hexdigest()


class TextFacts(NamedTuple):
    """The bytes of a text, and git's object id of it."""

    size: int
    oid: str


class TextCache:
    """The texts used last, more of them compressed, and the facts of many more. Any thread may use it."""

    def __init__(
        self, max_bytes: int = MAX_CACHED_BYTES, max_compressed_bytes: int = MAX_COMPRESSED_BYTES
    ) -> None:
        self._texts: SingleFlightCache[bytes] = SingleFlightCache(max_bytes, len)
        self._compressed: SingleFlightCache[bytes] = SingleFlightCache(max_compressed_bytes, len)
        self._facts: SingleFlightCache[TextFacts] = SingleFlightCache(MAX_FACTS, lambda _: 1)

    def read(self, text: GeneratedText) -> bytes:
        """The text. Its first reader makes it, which takes up to a second.

        Raises:
            UnmadeTextError: It cannot be made.
        """
        return self._texts.get(text.digest, partial(self._text, text))

    def facts(self, text: GeneratedText) -> TextFacts:
        """Size and object id, from the text unless they are known.

        Raises:
            UnmadeTextError: The text cannot be made.
        """
        found = self._facts.get(text.digest, partial(self._facts_of, text))
        if found == _UNMADE:
            raise UnmadeTextError("a generated text cannot be made")
        return found

    def knows(self, text: GeneratedText) -> bool:
        """Whether `facts` makes no text."""
        return text.digest in self._facts

    def peek(self, text: GeneratedText) -> bytes | None:
        """The text, if it is cached as it is."""
        return self._texts.peek(text.digest)

    def _text(self, text: GeneratedText) -> bytes:
        known = self._compressed.peek(text.digest)
        if known is not None:
            return zlib.decompress(known)
        try:
            made = text.make()
        except UNEXPECTED as error:
            _log.warning("a generated text is left out: %s", shortened(text.source), exc_info=True)
            raise UnmadeTextError("a generated text cannot be made") from error
        self._compressed.get(text.digest, partial(zlib.compress, made, zlib.Z_BEST_SPEED))
        return made

    def _facts_of(self, text: GeneratedText) -> TextFacts:
        """The facts; `_UNMADE` of what cannot be made, which is not tried again."""
        try:
            return facts_of(self.read(text))
        except UnmadeTextError:
            return _UNMADE


_UNMADE = TextFacts(-1, "")


def facts_of(text: bytes) -> TextFacts:
    """Size and object id of a text."""
    framed = b"blob %d\0" % len(text) + text
    return TextFacts(len(text), hashlib.sha1(framed, usedforsecurity=False).hexdigest())
