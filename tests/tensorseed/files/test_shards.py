"""Shards: some tensors of a spec in a file of their own."""

from __future__ import annotations

import hashlib
import json

import pytest
import safetensors.torch

from tensorseed.errors import UnknownNameError
from tensorseed.files.shards import named_shard, open_shard, shard_digest
from tensorseed.files.virtual_file import open_file
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec

SPEC = {
    "seed": 7,
    "layers": [
        {"name": "w.{0..3}", "type": "Tensor", "shape": [3, 5], "init": "normal"},
        {"name": "h.{0..1}", "type": "Tensor", "shape": [4], "init": "normal", "dtype": "float16"},
    ],
}
RESOLVED = parse_spec(json.dumps(SPEC).encode(), Limits())
PART = [RESOLVED.tensors[1], RESOLVED.tensors[3], RESOLVED.tensors[4]]
NAMES = ["w.1", "w.3", "h.0"]


def test_a_shard_holds_its_tensors_as_the_whole_does() -> None:
    whole, shard = open_file(RESOLVED), open_shard(RESOLVED, PART)
    one = safetensors.torch.load(whole.read(0, whole.size).tobytes())
    other = safetensors.torch.load(shard.read(0, shard.size).tobytes())
    assert sorted(other) == sorted(NAMES)
    assert all(one[name].equal(other[name]) for name in other)


def test_its_metadata_is_that_of_the_whole_and_its_own() -> None:
    shard = open_shard(RESOLVED, PART)
    metadata = json.loads(shard.header[8:])["__metadata__"]
    assert list(metadata) == ["format", "tensorseed.stream", "tensorseed.recipe", "tensorseed.shard"]
    assert metadata["format"] == "pt"
    assert metadata["tensorseed.recipe"] == RESOLVED.recipe
    assert metadata["tensorseed.shard"] == shard_digest(NAMES)


def test_the_digest_is_of_the_names() -> None:
    assert shard_digest(NAMES) == hashlib.sha256(b"w.1\nw.3\nh.0\n").hexdigest()[:32]
    assert len({shard_digest(names) for names in ([], ["a"], ["a", "b"], ["ab"], ["b", "a"])}) == 5


def test_a_shard_is_found_by_the_names_in_any_order() -> None:
    found = named_shard(RESOLVED, NAMES[::-1], shard_digest(NAMES))
    assert found.header == open_shard(RESOLVED, PART).header


@pytest.mark.parametrize(
    "names", [NAMES[:2], [*NAMES, "w.0"], [*NAMES, "surplus"], ["w.1", "w.3", "\ud800"], []]
)
def test_other_names_are_not_the_shard(names: list[str]) -> None:
    with pytest.raises(UnknownNameError):
        named_shard(RESOLVED, names, shard_digest(NAMES))
