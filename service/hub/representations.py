"""A file of a repository as the representation that is served."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing
from urllib.parse import quote

from tensorseed.checkpoints.snapshot import RepoFile
from tensorseed.files.virtual_file import VirtualFile

from ..http.negotiation import JSON, OCTETS
from ..http.responses import CACHE_CONTROL, Chunk
from .context import HubContext

TEXT = "text/plain; charset=utf-8"
REVALIDATED = "public, no-cache"  # what a name stands for changes with the recipe; what a commit does, never

_TYPES = {"json": JSON, "safetensors": OCTETS}


class FileForm:
    """The bytes of a file: a text is at hand, weights are computed while they are read.

    `weights` is None for a text, and where only the head is answered.
    """

    def __init__(
        self,
        context: HubContext,
        file: RepoFile,
        commit: str,
        weights: VirtualFile | None,
        *,
        immutable: bool,
    ) -> None:
        self._context = context
        self._file = file
        self._weights = weights
        self._text = memoryview(file.text or b"")
        self.etag = f'"{file.oid}"'
        self.headers = {
            "Cache-Control": CACHE_CONTROL if immutable else REVALIDATED,
            "X-Repo-Commit": commit,
        }
        name = file.path.rpartition("/")[2]
        self.content_headers = {
            "Content-Type": _TYPES.get(name.rpartition(".")[2], TEXT),
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
        }

    async def size(self) -> int:
        """The number of bytes, known without computing any."""
        return self._file.size

    def admit(self) -> AbstractContextManager[None]:
        """A place among the streams."""
        return self._context.streams.admit()

    def at_once(self, start: int, stop: int) -> Chunk | None:
        """The bytes from `start` up to `stop`: of a text any, of weights those that are few and cheap."""
        if self._weights is None:
            return self._text[start:stop]
        return self._context.worker.at_once(self._weights, start, stop)

    async def stream(self, start: int, stop: int) -> AsyncGenerator[Chunk, None]:
        """The bytes from `start` up to `stop`."""
        if self._weights is None:
            yield self._text[start:stop]
            return
        async with aclosing(self._context.worker.stream(self._weights, start, stop)) as chunks:
            async for chunk in chunks:
                yield chunk
