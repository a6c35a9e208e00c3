"""What is told of a chunk."""

from __future__ import annotations

from service.worker.observers import NOBODY, Observer, queued, tell
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec


class Notes(Observer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.bytes: list[tuple[str, str, int]] = []
        self.seconds: list[float] = []
        self.waits: list[float] = []

    def generated(self, scheme: str, dtype: str, nbytes: int) -> None:
        self.bytes.append((scheme, dtype, nbytes))

    def computed(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)


SPEC = b"""{"layers": [
    {"name": "{0..9}", "type": "Tensor", "shape": [100], "init": "normal"},
    {"name": "b", "type": "Tensor", "shape": [8], "init": "ones", "dtype": "float16"}
]}"""


def test_the_bytes_of_a_chunk_are_told_by_scheme_and_dtype() -> None:
    file = open_file(parse_spec(SPEC, Limits()))
    notes = Notes()
    tell(notes, file, 0, file.size, 0.0)
    assert sorted(notes.bytes) == [("normal", "float32", 4_000), ("ones", "float16", 16)]
    assert len(notes.seconds) == 1


def test_chunks_add_up_to_the_file() -> None:
    file = open_file(parse_spec(SPEC, Limits()))
    notes = Notes()
    for start in range(0, file.size, 333):
        tell(notes, file, start, min(start + 333, file.size), 0.0)
    assert sum(nbytes for _, _, nbytes in notes.bytes) == file.size - len(file.header)


def test_a_function_that_waits_tells_for_how_long_and_does_its_work() -> None:
    notes = Notes()
    assert queued(notes, divmod)(7, 2) == (3, 1)
    assert len(notes.waits) == 1
    assert notes.waits[0] >= 0


def test_nobody_costs_nothing() -> None:
    assert queued(NOBODY, divmod) is divmod
    for event in (NOBODY.waited, NOBODY.computed):
        event(1.0)
    NOBODY.generated("normal", "float32", 1)
