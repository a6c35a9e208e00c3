"""From a stored file to the file that its own metadata names."""

from __future__ import annotations

from collections.abc import Mapping

from tensorseed.client.errors import MismatchError, RefusedError
from tensorseed.client.local_compute import LIMITS, refusing
from tensorseed.client.local_file import LocalFile
from tensorseed.errors import SliceError, SpecError, UnknownNameError
from tensorseed.files.shards import SHARD, named_shard
from tensorseed.files.virtual_file import VirtualFile, open_file, open_slice
from tensorseed.sampling.philox import STREAM_VERSION
from tensorseed.spec.spec import parse_spec


def named_file(stored: LocalFile) -> VirtualFile:
    """The file that the recipe in the metadata stands for: what `stored` should be.

    Raises RefusedError where there is no recipe, or one that only another version of the stream or of torch
    computes; MismatchError where the recipe is damaged.
    """
    metadata = stored.header.metadata
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
                return named_shard(resolved, stored.header.tensors, metadata[SHARD])
            file = open_file(resolved)
            if "tensorseed.tensor" in metadata:
                return open_slice(file, metadata["tensorseed.tensor"], metadata.get("tensorseed.slice", ""))
        except (SpecError, SliceError, UnknownNameError, UnicodeEncodeError):
            raise MismatchError("the recipe in the metadata is damaged: fetch the file again") from None
    return file


def _check_stream(metadata: Mapping[str, str]) -> None:
    """Raise unless this program draws what drew the file; torch's version is in the recipe."""
    if metadata.get("tensorseed.generator") == "torch":
        return
    version = metadata.get("tensorseed.stream", "none")
    if version != str(STREAM_VERSION):
        raise RefusedError(
            f"the file is of stream version {version[:20]} and this tensorseed computes {STREAM_VERSION}: "
            "verify it with the tensorseed that made it"
        )
