"""The representation of a repository's file: a text, or generated weights."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

from tensorseed.checkpoints.snapshot import RepoFile
from tensorseed.files.virtual_file import VirtualFile

from ..http.negotiation import JSON, OCTETS
from ..http.responses import CACHE_CONTROL, REVALIDATED, Chunk, Representation
from ..worker.worker import Worker

TEXT = "text/plain; charset=utf-8"

_TYPES = {"json": JSON, "safetensors": OCTETS}


class RepoFileRepresentation(Representation):
    """The bytes of a file. `weights` is None for a text, and for HEAD."""

    def __init__(
        self, worker: Worker, file: RepoFile, commit: str, weights: VirtualFile | None, *, immutable: bool
    ) -> None:
        name = file.path.rpartition("/")[2]
        super().__init__(
            f'"{file.oid}"',
            {"Cache-Control": CACHE_CONTROL if immutable else REVALIDATED, "X-Repo-Commit": commit},
            {
                "Content-Type": _TYPES.get(name.rpartition(".")[2], TEXT),
                "Content-Disposition": f"inline; filename*=UTF-8''{quote(name, safe='')}",
                "X-Content-Type-Options": "nosniff",
            },
        )
        self._worker = worker
        self._size = file.size
        self._weights = weights
        self._text = memoryview(file.text or b"")

    async def size(self) -> int:
        """The number of bytes, known without computing any."""
        return self._size

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes [start, stop) of a text, or of weights where they are few and cheap."""
        if self._weights is None:
            return self._text[start:stop]
        return self._worker.at_once(self._weights, start, stop)

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes [start, stop)."""
        if self._weights is None:
            yield self._text[start:stop]
            return
        async with aclosing(self._worker.stream(self._weights, start, stop)) as chunks:
            async for chunk in chunks:
                yield chunk
