"""Static files by path, under an address that changes with them."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from ..http.negotiation import JSON

FOLDER = Path(__file__).parent / "static"
PREFIX = "/explorer"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": JSON,
    ".svg": "image/svg+xml",
}
_TEMPLATE = "index.html"  # is no asset: it is answered with addresses filled in
_DIGEST_CHARS = 16
_LEVEL = 9


class Asset(NamedTuple):
    """A file, as it is and compressed by gzip."""

    media_type: str
    content: bytes
    compressed: bytes


class Assets:
    """The files below a folder, read when they are first needed."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._asset = cache(self._read)

    @cached_property
    def template(self) -> str:
        """The page, with `{assets}` in the place of the files' address."""
        return (self._folder / _TEMPLATE).read_text()

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of all files. No other path is ever opened."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return frozenset(path.relative_to(self._folder).as_posix() for path in files) - {_TEMPLATE}

    @cached_property
    def address(self) -> str:
        """The path of the files, without a slash at its ends: a digest of all names and bytes is in it."""
        digest = hashlib.sha256()
        for path in sorted(self.paths):
            content = (self._folder / path).read_bytes()
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return f"{PREFIX[1:]}/{digest.hexdigest()[:_DIGEST_CHARS]}"

    def asset(self, path: str) -> Asset | None:
        """The file at a path; None where there is none."""
        return self._asset(path) if path in self.paths else None

    def _read(self, path: str) -> Asset:
        content = (self._folder / path).read_bytes()
        media_type = _TYPES.get(Path(path).suffix, "text/plain; charset=utf-8")
        return Asset(media_type, content, gzip.compress(content, _LEVEL, mtime=0))
