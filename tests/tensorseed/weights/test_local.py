"""Weights in process: the service's bytes, a mapping."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import tensorseed
from tests.tensorseed.weights.specs import SPEC, one

XAVIER = {
    "seed": 42,
    "layers": [{"name": "weight", "type": "Tensor", "shape": [256, 784], "init": "xavier_uniform"}],
}
DIGEST = "0e8d0fd8ff0d534e95ae5d44132ef80e48fc40548ccfbefeacc0526d572980d3"  # the README's


def test_the_file_of_the_readme_has_its_digest(tmp_path: Path) -> None:
    weights = tensorseed.open(XAVIER)
    assert weights.digest() == DIGEST
    weights.save(tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_size == weights.size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.safetensors"]


@pytest.mark.parametrize("top", [{}, {"generator": "torch", "layers": SPEC["layers"][:2]}])
def test_the_bytes_token_and_tag_are_the_services(client: Any, tmp_path: Path, top: dict[str, Any]) -> None:
    spec = {**SPEC, **top}
    answer, plan = client.post("/v1/weights", json=spec), client.post("/v1/weights/plan", json=spec).json()
    weights = tensorseed.open(spec)
    weights.save(tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == answer.content
    assert (weights.etag, weights.size, weights.token) == (plan["etag"], plan["size"], plan["token"])
    arrays = safetensors.numpy.load(answer.content)
    assert list(weights) == [tensor["name"] for tensor in plan["tensors"]]
    for name, array in weights.items():
        assert np.array_equal(array, arrays[name])
        assert (array.shape, array.dtype, array.nbytes) == (
            arrays[name].shape,
            arrays[name].dtype,
            arrays[name].nbytes,
        )


def test_it_is_a_mapping() -> None:
    weights = tensorseed.open(SPEC)
    assert len(weights) == len(list(weights)) == 10
    assert "fc.weight" in weights
    assert "nonsense" not in weights
    assert weights.get("nonsense") is None
    with pytest.raises(KeyError, match="nonsense"):
        weights["nonsense"]
    assert repr(weights) == f"Weights(10 tensors, {weights.size:,} bytes, etag={weights.etag})"
    cube = weights["cube"]
    assert repr(cube) == "LazyArray('cube', shape=(5, 6, 7), dtype=float32)"
    assert (len(cube), cube.ndim, cube.size) == (5, 3, 210)
    with pytest.raises(TypeError, match="without dimensions"):
        len(weights["scalar"])


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w"
    path.write_text("old")
    weights = tensorseed.open(SPEC)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        weights.save(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
    with pytest.raises(FileNotFoundError, match=r"nowhere/w'$"):
        weights.save(tmp_path / "nowhere" / "w")


def test_a_device_that_this_host_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorseed.devices.registry.Devices.accelerators", lambda _: [])
    array = one("float32", [3], generator="torch", device="cuda")
    with pytest.raises(tensorseed.DeviceError, match="no device 'cuda'"):
        array[0]


def test_weights_are_sent_between_processes_as_their_spec() -> None:
    weights = tensorseed.open(SPEC)
    expected = weights["cube"][...]  # threads and kernels are in use from here on
    sent, array = pickle.loads(pickle.dumps((weights, weights["cube"])))
    assert sent == weights
    assert np.array_equal(sent["cube"], expected)
    assert np.array_equal(array, expected)
    assert len(pickle.dumps(weights)) < 2_000


def test_weights_are_equal_where_their_bytes_are() -> None:
    weights, same, other = tensorseed.open(SPEC), tensorseed.open(SPEC), tensorseed.open({**SPEC, "seed": 8})
    assert weights == same
    assert len({weights, same, other}) == 2
    assert weights != other
    assert weights != {}


def test_a_rule_without_use_is_a_warning() -> None:
    spec = {"rules": [{"match": "x", "init": "ones"}, {"match": "weight", "init": "ones"}], **XAVIER}
    detail = "rule 0, match x, decided no tensor: correct it, or leave it out"
    with pytest.warns(tensorseed.UnusedRuleWarning, match="decided no tensor") as caught:
        weights = tensorseed.open(spec)
    assert [warning.filename for warning in caught] == [__file__] * 2
    unused = [warning for warning in weights.plan()["warnings"] if warning["code"] == "unused_rule"]
    assert unused[0] == {"tensor": None, "code": "unused_rule", "detail": detail}
    assert len(unused) == 2
    assert weights.token == tensorseed.open(XAVIER).token
    assert weights.plan()["warnings"][:2] == unused
