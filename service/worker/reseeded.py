"""Small files of one query with any seed, computed in the calling thread."""

from __future__ import annotations

from time import perf_counter

from tensorseed.files.reseeding import Reseeding
from tensorseed.files.virtual_file import VirtualFile
from tensorseed.sampling.executors.base import Executor

from ..telemetry import Generation
from .chunks import ChunkComputer
from .metrics_hooks import WorkerMetrics, generated_bytes, record_computed


class ReseededFiles:
    """The files of a spec with other seeds, of which all but the seed is looked up once."""

    def __init__(
        self, file: VirtualFile, executor: Executor, computer: ChunkComputer, metrics: WorkerMetrics
    ) -> None:
        self.names = Reseeding(file, executor)
        self._computer = computer
        self._metrics = metrics
        self._generated = generated_bytes(file, 0, file.size)

    def compute(self, seed: int, header: bytes) -> memoryview:
        """Compute the whole file of a seed, whose header is given."""
        file = self.names.file
        with Generation(file, 0, file.size) as generation:
            out = self._computer.buffer(file.size)
            started = perf_counter()
            self.names.read_into(out, seed, header)
            record_computed(self._metrics, self._generated, started)
            generation.nbytes = file.size
            return out.data
