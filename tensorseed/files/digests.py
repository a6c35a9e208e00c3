"""SHA-256 of a file and of each of its tensors, from its chunks.

The hashes of the whole and of the tensors take the same chunks, in one thread each if wanted.
SHA-256 is that of FIPS 180-4; a tensor's is over its bytes in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from tensorseed.files.virtual_file import VirtualFile

ALGORITHM = "sha256"

Bytes = bytes | memoryview


@dataclass(frozen=True, slots=True)
class FileDigest:
    """64 hex digits for a file of `size` bytes, and for each of its tensors, in file order."""

    digest: str
    size: int
    tensors: Mapping[str, str]


class TensorDigests:
    """Hashes each tensor of a file whose bytes come in order, in chunks of any size."""

    def __init__(self, file: VirtualFile) -> None:
        self._file = file
        self._at = 0
        self._running = hashlib.sha256()
        self._found: dict[str, str] = {}

    def update(self, chunk: Bytes) -> None:
        """Hash the next bytes of the file."""
        start, stop = self._at, self._at + len(chunk)
        for entry in self._file.entries_within(start, stop):
            begin, end = max(start, entry.start), min(stop, entry.stop)
            if begin >= end:
                continue
            if begin == entry.start:
                self._running = hashlib.sha256()
            self._running.update(chunk[begin - start : end - start])
            if end == entry.stop:
                self._found[entry.tensor.name] = self._running.hexdigest()
        self._at = stop

    def result(self) -> dict[str, str]:
        """Return the digest of every tensor by name, once all of the file is hashed."""
        assert self._at == self._file.size
        empty = hashlib.sha256().hexdigest()
        names = (entry.tensor.name for entry in self._file.entries())
        return {name: self._found.get(name, empty) for name in names}


class FileHash:
    """Hashes a file; `whole` and `tensors` each take every chunk in order, independently."""

    def __init__(self, file: VirtualFile) -> None:
        self._file = file
        self.whole = hashlib.sha256()
        self.tensors = TensorDigests(file)

    def result(self) -> FileDigest:
        """Return the digests, once both have taken all of the file."""
        return FileDigest(self.whole.hexdigest(), self._file.size, self.tensors.result())


def placeholder(file: VirtualFile) -> FileDigest:
    """Return zeros in the form and length of the file's digests."""
    zeros = "0" * hashlib.sha256().digest_size * 2
    return FileDigest(zeros, file.size, {entry.tensor.name: zeros for entry in file.entries()})
