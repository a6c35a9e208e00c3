"""Files of a repository: texts, generated texts, and weights."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from tensorseed.checkpoints.generated_texts import GeneratedText, TextCache, TextFacts, facts_of
from tensorseed.files.virtual_file import VirtualFile

FILE_BYTES = 512  # of memory that a file takes beside its text


@dataclass(frozen=True)
class RepoFile(ABC):
    """A file: its path, the number of its bytes, and 40 hexadecimal digits that identify them.

    Nothing takes long but what a `GeneratedFile` has not made yet.
    """

    path: str

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of bytes."""

    @property
    @abstractmethod
    def oid(self) -> str:
        """40 hexadecimal digits that identify the bytes."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What decides the bytes, in one line, known before any is computed."""

    @property
    def text(self) -> bytes | None:
        """The bytes of a text; None of weights."""
        return None

    @property
    def held_bytes(self) -> int:
        """The memory that the file takes, but for open weights."""
        return FILE_BYTES


@dataclass(frozen=True)
class TextFile(RepoFile):
    """A file of known bytes, identified as git does."""

    content: bytes

    @cached_property
    def _facts(self) -> TextFacts:
        return facts_of(self.content)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.content)

    @property
    def oid(self) -> str:
        """Git's object id."""
        return self._facts.oid

    @property
    def identity(self) -> str:
        """Size and SHA-256."""
        return f"{self.size} {hashlib.sha256(self.content).hexdigest()}"

    @property
    def text(self) -> bytes:
        """The bytes."""
        return self.content

    @property
    def held_bytes(self) -> int:
        """The memory that the file takes."""
        return FILE_BYTES + len(self.content)


@dataclass(frozen=True)
class GeneratedFile(RepoFile):
    """A file whose bytes follow from few arguments, identified as git does once it is made."""

    generated: GeneratedText
    texts: TextCache = field(compare=False, repr=False)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.facts().size

    @property
    def oid(self) -> str:
        """Git's object id."""
        return self.facts().oid

    @property
    def identity(self) -> str:
        """The digest of the arguments."""
        return f"generated {self.generated.digest}"

    @property
    def is_ready(self) -> bool:
        """Whether size and object id are known."""
        return self.texts.knows(self.generated)

    @property
    def text(self) -> bytes:
        """The bytes."""
        return self.read()

    def facts(self) -> TextFacts:
        """Size and object id, made in up to a second unless `is_ready`.

        Raises:
            UnmadeTextError: The text cannot be made.
        """
        return self.texts.facts(self.generated)

    def read(self) -> bytes:
        """The bytes, made in up to a second unless cached."""
        return self.texts.read(self.generated)

    @property
    def cached_text(self) -> bytes | None:
        """The bytes, if they are cached."""
        return self.texts.peek(self.generated)


@dataclass(frozen=True)
class WeightsFile(RepoFile):
    """A file of weights, identified by what determines them, and opened when first read."""

    nbytes: int
    digest: str
    opening: Callable[[], VirtualFile] = field(compare=False, repr=False)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.nbytes

    @property
    def oid(self) -> str:
        """40 hexadecimal digits that identify the bytes."""
        return self.digest

    @property
    def identity(self) -> str:
        """Size and digest."""
        return f"{self.nbytes} {self.digest}"

    @cached_property
    def weights(self) -> VirtualFile:
        """The virtual file, opened at the first use: a thousand tensors take some 10 ms."""
        file = self.opening()
        assert file.size == self.size
        return file
