"""Files of one spec with other seeds, by the digits in header and recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import orjson

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.executors.base import Executor

_AFTER_SEED = '"}'  # ends a recipe
_AFTER_ESCAPED_SEED = orjson.dumps(_AFTER_SEED)[1:]  # ends it within a header


class Reseeding:
    """The files of a spec of generator philox with other seeds of as many digits as its own.

    A header has the recipe in its metadata, before the tensors, and the recipe ends with the seed.
    As many digits leave every tensor in its place, so that nothing but these digits is written anew.
    """

    def __init__(self, file: VirtualFile, executor: Executor) -> None:
        """The elements are drawn by `executor`."""
        recipe = orjson.dumps(file.resolved.recipe)
        stop = file.header.index(recipe) + len(recipe) - len(_AFTER_ESCAPED_SEED)
        self.file = file
        self._digits = len(str(file.resolved.seed))
        self._before, self._after = file.header[: stop - self._digits], file.header[stop:]
        self._recipe = file.resolved.recipe[: -self._digits - len(_AFTER_SEED)].encode()
        self._fillings = [
            (slice(start, stop), tensor, executor.filling(tensor.distribution, tensor.dtype, tensor.numel))
            for tensor, start, stop, _ in file.entries()
            if start < stop
        ]

    def header(self, seed: int) -> bytes:
        """The header of the file with another seed."""
        digits = b"%d" % seed
        assert len(digits) == self._digits
        return b"".join((self._before, digits, self._after))

    def recipe(self, seed: int) -> bytes:
        """The recipe of it, in UTF-8."""
        return b"%b%d%b" % (self._recipe, seed, _AFTER_SEED.encode())

    def with_seed(self, seed: int) -> VirtualFile:
        """The file with another seed, equal to that of a parsed spec."""
        return replace(self.file, resolved=self.file.resolved.reseeded(seed), header=self.header(seed))

    def read_into(self, out: npt.NDArray[np.uint8], seed: int, header: bytes) -> None:
        """Fill `out`, aligned as the file is, with the whole file of another seed, whose header is given."""
        out.data[: len(header)] = header
        for place, tensor, fill in self._fillings:
            fill(tensor.stream_of(seed), out[place].view(tensor.dtype.storage))
