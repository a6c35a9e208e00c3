"""Precomputation of what chunks need, once and in advance."""

from __future__ import annotations

import json
from typing import Any

from tensorseed.files.preparations import missing_preparations
from tensorseed.files.virtual_file import VirtualFile, open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec


def file_of(*layers: dict[str, Any], **spec: Any) -> VirtualFile:
    named = [{"name": f"w{i}", "type": "Tensor", **layer} for i, layer in enumerate(layers)]
    return open_file(parse_spec(json.dumps({**spec, "layers": named}).encode(), Limits()))


def test_thin_orthogonal_matrices_are_prepared_once():
    file = file_of(
        {"shape": [300, 20], "init": "orthogonal"},
        {"shape": [30, 20], "init": "orthogonal"},
        {"shape": [90, 20, 3], "init": "delta_orthogonal"},
        {"shape": [300, 20], "init": "normal"},
        seed=77,
    )
    missing = missing_preparations(file, 0, file.size)
    assert [preparation.shape for preparation in missing] == [(300, 20), (90, 20)]
    missing[0].run()
    assert [preparation.shape for preparation in missing_preparations(file, 0, file.size)] == [(90, 20)]
    assert missing_preparations(file, 0, len(file.header)) == []
    last = file.entries()[-1]
    assert missing_preparations(file, last.start, last.stop) == []


def test_generator_torch_prepares_nothing_here():
    file = file_of({"shape": [300, 20], "init": "orthogonal"}, generator="torch", seed=78)
    assert missing_preparations(file, 0, file.size) == []


def test_short_preparations_may_be_left_to_the_elements():
    file = file_of({"shape": [40_000, 300], "init": "orthogonal"}, {"shape": [300, 20], "init": "orthogonal"})
    assert [one.shape for one in missing_preparations(file, 0, file.size, 0.01)] == [(40_000, 300)]
