"""What has to be computed before the first byte of a tensor, and may take long: thin orthogonal matrices."""

from __future__ import annotations

from dataclasses import dataclass

from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.distributions import Distribution, KernelCentre, Orthogonal, ZeroRange
from tensorseed.sampling.orthogonal import is_prepared, prepare
from tensorseed.sampling.philox import Key, Stream


@dataclass(frozen=True, slots=True)
class Preparation:
    """Of the orthogonal matrix of a shape that a key stands for."""

    key: Key
    shape: tuple[int, int]

    def run(self) -> None:
        """Compute and keep it. Raises ComputationCancelledError where nobody waits for it any more."""
        prepare(self.key, self.shape)


def missing_preparations(file: VirtualFile, start: int, stop: int) -> list[Preparation]:
    """Those that the file's bytes [start, stop) need and that are not kept."""
    if file.resolved.generator != "philox" or stop <= len(file.header):
        return []
    found = []
    for entry in file.entries_within(max(start, len(file.header)), stop):
        matrix = _matrix(entry.tensor.distribution)
        if matrix is not None:
            key = Stream(file.resolved.seed, entry.tensor.stream).key()
            shape = (matrix.rows, matrix.columns)
            if not is_prepared(key, shape):
                found.append(Preparation(key, shape))
    return found


def _matrix(what: Distribution) -> Orthogonal | None:
    if isinstance(what, ZeroRange | KernelCentre):
        what = what.base
    return what if isinstance(what, Orthogonal) else None
