"""Files of one spec with other seeds, by the digits in its header."""

from __future__ import annotations

from dataclasses import replace

import orjson

from tensorseed.files.virtual_file import VirtualFile

_AFTER_SEED = orjson.dumps('"}')[1:]  # ends a recipe within a header


class Reseeding:
    """The files of a spec of generator philox with other seeds of as many digits as its own.

    A header has the recipe in its metadata, before the tensors, and the recipe ends with the seed.
    As many digits leave every tensor in its place, so that nothing but these digits is written anew.
    """

    def __init__(self, file: VirtualFile) -> None:
        recipe = orjson.dumps(file.resolved.recipe)
        stop = file.header.index(recipe) + len(recipe) - len(_AFTER_SEED)
        self._file = file
        self._digits = len(str(file.resolved.seed))
        self._before, self._after = file.header[: stop - self._digits], file.header[stop:]

    def with_seed(self, seed: int) -> VirtualFile:
        """The file with another seed, equal to that of a parsed spec."""
        digits = b"%d" % seed
        assert len(digits) == self._digits
        return replace(
            self._file,
            resolved=self._file.resolved.reseeded(seed),
            header=b"".join((self._before, digits, self._after)),
        )
