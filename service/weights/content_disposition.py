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


def content_disposition(file: VirtualFile, extension: str) -> str:
    """The field's value. A name beyond ASCII stands in `filename*`, beside a substitute in `filename`."""
    stem, *tensors = _parts(file)
    suffix = "-".join(("", *tensors, file.digest[:DIGEST_CHARS])) + extension
    name = _safe(_UNSAFE, stem) + suffix
    field = f'attachment; filename="{_safe(_UNSAFE_ASCII, stem)}{suffix}"'
    return field if name.isascii() else f"{field}; filename*=UTF-8''{quote(name, safe='')}"


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
