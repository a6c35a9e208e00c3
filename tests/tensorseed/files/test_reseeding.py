"""Files with another seed: equal to those of parsed specs."""

from __future__ import annotations

import json

from tensorseed.concurrency.buffers import aligned
from tensorseed.files.reseeding import Reseeding
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

NAME = ',\\"seed\\":\\"42\\"ü'


def file_of(seed: int) -> VirtualFile:
    layers = [
        {"type": "Linear", "name": NAME, "in_features": 3, "out_features": 2},
        {"type": "Tensor", "name": "w", "shape": [5], "init": "normal", "seed": 42},
    ]
    return open_file(parse_spec(json.dumps({"seed": seed, "layers": layers}).encode(), Limits()))


def test_a_file_with_another_seed_is_that_of_a_parsed_spec() -> None:
    reseeding = Reseeding(file_of(42), CompiledExecutor())
    for seed in (10, 42, 99):
        file, expected = reseeding.with_seed(seed), file_of(seed)
        assert (file.header, file.digest, file.size) == (expected.header, expected.digest, expected.size)
        assert file.resolved == expected.resolved
        assert file.entries() == expected.entries()
        assert (file.read(0, file.size) == expected.read(0, file.size)).all()


def test_all_that_a_seed_changes_is_written_without_that_file() -> None:
    reseeding = Reseeding(file_of(42), CompiledExecutor())
    for seed in (10, 42, 99):
        expected = file_of(seed)
        assert reseeding.header(seed) == expected.header
        assert reseeding.recipe(seed) == expected.resolved.recipe.encode()
        out = aligned(expected.size)
        reseeding.read_into(out, seed, expected.header)
        assert (out == expected.read(0, expected.size)).all()
