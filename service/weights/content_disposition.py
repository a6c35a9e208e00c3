"""Content-Disposition of a file (RFC 6266): tensor, shape and digest."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from tensorseed.files.virtual_file import VirtualFile

MAX_NAME_BYTES = 120  # of the tensor's name in UTF-8; a file's name has at most 255 on most systems
MAX_SHAPE_CHARS = 60
DIGEST_CHARS = 12

_UNSAFE = re.compile(r"[^\w.-]+")
_UNSAFE_ASCII = re.compile(r"[^\w.-]+", re.ASCII)


class ContentDisposition:
    """The field's value of a file, and of the files that differ in their bytes alone.

    A name beyond ASCII stands in `filename*`, beside a substitute in `filename`.
    """

    def __init__(self, file: VirtualFile, extension: str) -> None:
        stem, *tensors = _parts(file)
        suffix = "-".join(("", *tensors, ""))
        name = _safe(_UNSAFE, stem) + suffix
        self._name = f'attachment; filename="{_safe(_UNSAFE_ASCII, stem)}{suffix}'
        self._quoted = "" if name.isascii() else quote(name, safe="")
        self._extension = extension

    def of(self, digest: str) -> str:
        """The value for a file of a digest."""
        cut = digest[:DIGEST_CHARS]
        field = f'{self._name}{cut}{self._extension}"'
        if not self._quoted:
            return field
        return f"{field}; filename*=UTF-8''{self._quoted}{cut}{self._extension}"


def content_disposition(file: VirtualFile, extension: str) -> str:
    """The field's value of a file."""
    return ContentDisposition(file, extension).of(file.digest)


def _parts(file: VirtualFile) -> tuple[str, ...]:
    """What a file holds: the name and shape of one tensor, or the number of tensors."""
    entries = file.entries()
    if len(entries) != 1:
        return "model", f"{len(entries)}-tensors"
    tensor = entries[0].tensor
    shape = "x".join(map(str, tensor.shape))
    if not shape or len(shape) > MAX_SHAPE_CHARS:
        shape = f"{len(tensor.shape)}d"
    return tensor.name, shape


def _safe(unsafe: re.Pattern[str], name: str) -> str:
    """The end of a name, without separators, controls, and marks that begin options or hidden files."""
    composed = unicodedata.normalize("NFC", name[-MAX_NAME_BYTES:])
    cut = unsafe.sub("_", composed).encode()[-MAX_NAME_BYTES:].decode(errors="ignore")
    return cut.lstrip("._-") or "tensor"
