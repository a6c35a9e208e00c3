"""Safetensors file on disk: header, mapped data, recipe.

Bytes that lack at the end or are surplus are no error, since the other tensors can still be compared.
"""

from __future__ import annotations

import mmap
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tensorseed.client.errors import DiskError, MismatchError, RefusedError, unreadable
from tensorseed.client.local_compute import refusing
from tensorseed.devices.local import LIMITS
from tensorseed.errors import SliceError, SpecError, UnknownNameError
from tensorseed.files.header import ITEM_BYTES, Header, HeaderError, read_header
from tensorseed.files.shards import SHARD, named_shard
from tensorseed.files.virtual_file import VirtualFile, open_file, open_slice
from tensorseed.sampling.philox import STREAM_VERSION
from tensorseed.spec.spec import parse_spec


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file's bytes, and its header, which says how many there should be."""

    data: memoryview
    header: Header


@contextmanager
def open_local(path: Path, item_bytes: Mapping[str, int] = ITEM_BYTES) -> Iterator[LocalFile]:
    """Map the file at `path` within the block; `item_bytes` has the dtypes that it may have.

    Raises:
        MismatchError: the file breaks the format.
        DiskError: the file cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise DiskError(f"{path} is no regular file: name a file that can be read twice")
        with path.open("rb") as file:
            size = file.seek(0, 2)
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
    except DiskError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    if whole is None:
        raise _broken(path, "it is empty")
    data = memoryview(whole)
    try:
        yield read_local(data, path, item_bytes)
    finally:
        data.release()
        whole.close()


_INDEX = re.compile(rb'\s*\{[^\0]{0,4096}?"weight_map"')
_JSON = re.compile(rb"\s*[{\[](?:[^\0]{7}|[^\0]{0,6}\Z)")  # no length, whose last bytes are zeros
_ZIP = re.compile(rb"PK\x03\x04")
_PICKLE = re.compile(rb"\x80[\x02-\x05](?:\x95|..(?!\0{4}))", re.DOTALL)  # no length, as above

_CONVERT = "load it, and write its tensors by safetensors.torch.save_file"
_OTHERS = {
    _INDEX: "an index of shards: name a shard, which stands beside it",
    _JSON: "JSON and no safetensors file: name the file of weights; tensorseed plan lists those of a spec",
    _ZIP: f"a ZIP archive, as torch.save and numpy.savez write: {_CONVERT}",
    _PICKLE: f"a pickle, as torch.save wrote before version 1.6: {_CONVERT}",
}
"""Beginnings of files that are often taken for safetensors, and what they are."""


def read_local(data: memoryview, path: Path, item_bytes: Mapping[str, int] = ITEM_BYTES) -> LocalFile:
    """Read the file whose bytes are `data`; `path` is for messages.

    Raises:
        MismatchError: the file breaks the format.
    """
    try:
        return LocalFile(data, read_header(data, item_bytes=item_bytes))
    except HeaderError as error:
        for beginning, what in _OTHERS.items():
            if beginning.match(data):
                raise MismatchError(f"{path} is {what}") from None
        where = "" if error.tensor is None else f" ({error.tensor[:100]!r})"
        raise _broken(path, error.fault + where) from None


def _broken(path: Path, reason: str) -> MismatchError:
    return MismatchError(f"{path} is not a whole safetensors file, since {reason}: fetch it again")


def recipe_file(local: LocalFile) -> VirtualFile:
    """Describe the file that the recipe in the metadata stands for.

    Raises:
        RefusedError: there is no recipe, or another version of the stream or of torch computes it.
        MismatchError: the recipe is damaged.
    """
    metadata = local.header.metadata
    recipe = metadata.get("tensorseed.recipe")
    if recipe is None:
        raise RefusedError("the file holds no recipe, so nothing says what it should be: verify tensorseed's")
    _check_stream(metadata)
    with refusing():
        try:
            resolved = parse_spec(recipe.encode(), LIMITS)
            if resolved.recipe != recipe:
                raise MismatchError("the recipe in the metadata was altered: fetch the file again")
            if SHARD in metadata:
                return named_shard(resolved, local.header.tensors, metadata[SHARD])
            file = open_file(resolved)
            if "tensorseed.tensor" in metadata:
                return open_slice(file, metadata["tensorseed.tensor"], metadata.get("tensorseed.slice", ""))
        except (SpecError, SliceError, UnknownNameError, UnicodeEncodeError):
            raise MismatchError("the recipe in the metadata is damaged: fetch the file again") from None
    return file


def _check_stream(metadata: Mapping[str, str]) -> None:
    """Raise RefusedError for another stream version; the version of torch is in the recipe."""
    if metadata.get("tensorseed.generator") == "torch":
        return
    version = metadata.get("tensorseed.stream", "none")
    if version != str(STREAM_VERSION):
        raise RefusedError(
            f"the file is of stream version {version[:20]} and this tensorseed computes {STREAM_VERSION}: "
            "verify it with the tensorseed that made it"
        )
