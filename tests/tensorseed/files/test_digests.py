"""Digests from chunks are those of the whole."""

from __future__ import annotations

import hashlib
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from tensorseed.files.digests import FileHash, placeholder
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

LAYERS = [
    {"name": "fc.{0..2}", "type": "Linear", "in_features": 7, "out_features": 5},
    {"name": "empty", "type": "Tensor", "shape": [3, 0], "init": "ones"},
    {"name": "odd", "type": "Tensor", "shape": [13], "init": "normal", "dtype": "float8_e5m2"},
    {"name": "z", "type": "Tensor", "shape": [0], "init": "ones", "dtype": "float8_e5m2"},
]


def make(layers: object = LAYERS) -> tuple[VirtualFile, bytes]:
    file = open_file(parse_spec(json.dumps({"seed": 1, "layers": layers}).encode(), Limits()))
    return file, file.read(0, file.size).tobytes()


FILE, DATA = make()


@given(st.lists(st.integers(0, len(DATA)), max_size=20))
def test_chunks_of_any_size_give_the_digests_of_the_whole(cuts: list[int]) -> None:
    hashing = FileHash(FILE)
    bounds = [0, *sorted(cuts), len(DATA)]
    for start, stop in itertools.pairwise(bounds):
        hashing.whole.update(DATA[start:stop])
        hashing.tensors.update(memoryview(DATA)[start:stop])
    found = hashing.result()
    assert found.digest == hashlib.sha256(DATA).hexdigest()
    assert found.size == len(DATA)
    assert found.tensors == {
        entry.tensor.name: hashlib.sha256(DATA[entry.start : entry.stop]).hexdigest()
        for entry in FILE.entries()
    }
    assert list(found.tensors) == [entry.tensor.name for entry in FILE.entries()]


def test_a_file_without_tensors_has_a_digest() -> None:
    file, data = make([])
    hashing = FileHash(file)
    hashing.whole.update(data)
    hashing.tensors.update(data)
    assert hashing.result().digest == hashlib.sha256(data).hexdigest()
    assert hashing.result().tensors == {}


def test_the_placeholder_has_the_form_of_the_digests() -> None:
    hashing = FileHash(FILE)
    hashing.whole.update(DATA)
    hashing.tensors.update(DATA)
    found, stand_in = hashing.result(), placeholder(FILE)
    assert list(stand_in.tensors) == list(found.tensors)
    assert {len(text) for text in (*stand_in.tensors.values(), stand_in.digest)} == {64}
    assert stand_in.size == found.size
