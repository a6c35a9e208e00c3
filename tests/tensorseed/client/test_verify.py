"""A stored file beside what its recipe gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.client import verify
from tensorseed.client.errors import MismatchError, RefusedError
from tensorseed.client.local_file import read_local, recipe_file
from tensorseed.client.verify import Difference, FileReport, as_document, as_lines, compare
from tensorseed.devices.local import LocalSettings
from tensorseed.files.shards import open_shard
from tensorseed.files.virtual_file import file_header, open_slice
from tests.tensorseed.client.conftest import SPEC, bytes_of, file_of

FILE = file_of()
DATA = bytes_of(FILE)
NAMES = [entry.tensor.name for entry in FILE.entries()]
PATH = Path("w.safetensors")


def report_of(data: bytes) -> FileReport:
    stored = read_local(memoryview(data), PATH)
    return compare(stored, recipe_file(stored), LocalSettings(2, None))


def states(report: FileReport) -> dict[str, str]:
    """What is not equal."""
    return {tensor.name: tensor.state for tensor in report.tensors if tensor.state != "equal"}


def rewritten(keep: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """A file of these arrays that has the metadata of the right one."""
    stored = read_local(memoryview(DATA), PATH)
    return safetensors.numpy.save(keep, dict(stored.header.metadata))


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    """The float32 tensors; numpy has no names for the others' dtypes."""
    return {
        entry.tensor.name: np.frombuffer(DATA[entry.start : entry.stop], "<f4").reshape(entry.tensor.shape)
        for entry in FILE.entries()
        if entry.tensor.dtype.name == "float32"
    }


@pytest.mark.parametrize("generator", ["philox", "torch"])
def test_the_right_file_is_equal(generator: str) -> None:
    spec = {"generator": generator, "layers": SPEC["layers"][:2]}
    file = file_of(spec)
    if generator == "torch":
        from tensorseed.files.elements import element_source

        data = file.read(0, file.size, element_source(file.resolved)).tobytes()
    else:
        data = bytes_of(file)
    report = report_of(data)
    assert report.equal
    assert [tensor.name for tensor in report.tensors] == [entry.tensor.name for entry in file.entries()]


def test_a_slice_is_equal() -> None:
    file = open_slice(FILE, "fc.0.weight", "3:9,10:20")
    assert report_of(bytes_of(file)).equal


def test_a_shard_is_compared_with_its_own_tensors() -> None:
    shard = open_shard(FILE.resolved, FILE.resolved.tensors[1:4])
    data = bytes_of(shard)
    report = report_of(data)
    assert report.equal
    assert [tensor.name for tensor in report.tensors] == [entry.tensor.name for entry in shard.entries()]
    bad = bytearray(data)
    bad[-1] ^= 1
    assert states(report_of(bytes(bad))) == {report.tensors[-1].name: "different"}


def test_a_shard_that_lost_a_tensor_is_told() -> None:
    tensors = FILE.resolved.tensors[1:4]
    header = json.loads(open_shard(FILE.resolved, tensors).header[8:])
    lost = file_header(tensors[:2], header["__metadata__"])
    data = lost + bytes(sum(tensor.nbytes for tensor in tensors[:2]))
    with pytest.raises(MismatchError, match="damaged"):
        report_of(data)


@given(st.integers(len(FILE.header), FILE.size - 1), st.integers(0, 7))
def test_a_flipped_bit_is_found_where_it_is(at: int, bit: int) -> None:
    data = bytearray(DATA)
    data[at] ^= 1 << bit
    report = report_of(bytes(data))
    entry = next(entry for entry in FILE.entries() if entry.start <= at < entry.stop)
    assert states(report) == {entry.tensor.name: "different"}
    found = next(tensor for tensor in report.tensors if tensor.state != "equal")
    assert found.differing == 1
    assert found.elements == entry.tensor.numel
    assert found.first is not None
    element = (at - entry.start) // entry.tensor.dtype.itemsize
    assert int(np.ravel_multi_index(found.first.at, entry.tensor.shape)) == element
    assert not report.equal
    assert report.header == "equal"


def test_differences_are_counted_and_told_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "CHUNK_BYTES", 4096)
    changed = {name: array.copy() for name, array in arrays().items()}
    before = float(changed["fc.1.weight"][3, 5])
    changed["fc.1.weight"][3, 5] = 2.5
    changed["fc.1.weight"][400:, :] = 0.0
    report = report_of(rewritten(changed))
    found = next(tensor for tensor in report.tensors if tensor.name == "fc.1.weight")
    assert found.differing == 1 + 100 * 700
    assert found.first == Difference((3, 5), 2.5, before)


def test_integers_are_told_exactly() -> None:
    init = {"kind": "values", "data": [1, 2**53, 3]}
    spec = {"layers": [{"name": "a", "type": "Tensor", "shape": [3], "dtype": "int64", "init": init}]}
    data = bytearray(bytes_of(file_of(spec)))
    data[-16:-8] = (2**53 + 1).to_bytes(8, "little")
    report = report_of(bytes(data))
    told = f"the first at [1]: {2**53 + 1} where the recipe gives {2**53}"
    assert any(line.endswith(told) for line in as_lines(PATH, report))
    document = json.loads(as_document(PATH, report))
    assert document["tensors"][0]["first"] == {"at": [1], "found": 2**53 + 1, "expected": 2**53}


def test_missing_surplus_and_reshaped_tensors() -> None:
    changed = arrays()
    del changed["fc.0.bias"]
    changed["more"] = np.ones(3, np.float32)
    changed["fc.2.bias"] = changed["fc.2.bias"].reshape(5, 100)
    changed["fc.1.bias"] = changed["fc.1.bias"].astype(np.float16)
    report = report_of(rewritten(changed))
    assert report.header == "different"
    assert states(report) == {
        **dict.fromkeys(("fc.0.bias", "b", "f8"), "missing"),
        **dict.fromkeys(("fc.1.bias", "fc.2.bias"), "reshaped"),
        "more": "surplus",
    }


@given(st.integers(len(FILE.header), FILE.size - 1))
def test_a_file_that_was_cut(size: int) -> None:
    report = report_of(DATA[:size])
    assert report.lacking == FILE.size - size
    assert states(report) == {
        entry.tensor.name: "cut" for entry in FILE.entries() if entry.stop > size and entry.start < entry.stop
    }
    assert all(tensor.differing == 0 for tensor in report.tensors)
    assert not report.equal


def test_bytes_after_the_end() -> None:
    report = report_of(DATA + b"xyz")
    assert (report.surplus, states(report), report.equal) == (3, {}, False)


def test_a_header_written_in_another_way_is_told() -> None:
    stored = read_local(memoryview(DATA), PATH)
    metadata = {**stored.header.metadata, "format": "np"}
    header = file_header(FILE.resolved.tensors, metadata)
    report = report_of(header + DATA[len(FILE.header) :])
    assert (report.header, states(report), report.equal) == ("different", {}, False)


def with_metadata(**changed: str | None) -> bytes:
    stored = read_local(memoryview(DATA), PATH)
    renamed = {f"tensorseed.{name}": text for name, text in changed.items()}
    merged = {name: text for name, text in {**stored.header.metadata, **renamed}.items() if text is not None}
    return file_header(FILE.resolved.tensors, merged) + DATA[len(FILE.header) :]


RECIPE = FILE.resolved.recipe


@pytest.mark.parametrize(
    ("changed", "kind", "told"),
    [
        ({"recipe": None}, RefusedError, "holds no recipe"),
        ({"stream": "2"}, RefusedError, "stream version 2 and this tensorseed computes 1"),
        ({"stream": None}, RefusedError, "stream version none"),
        ({"recipe": "{"}, MismatchError, "damaged"),
        ({"recipe": '{"layers":[{}],"seed":"9"}'}, MismatchError, "damaged"),
        ({"recipe": RECIPE + " "}, MismatchError, "altered"),
        ({"tensor": "nobody"}, MismatchError, "damaged"),
        ({"tensor": "b", "slice": "7"}, MismatchError, "damaged"),
        (
            {
                "recipe": '{"generator":"torch","layers":[],"seed":"9","torch_version":"1.0.0"}',
                "generator": "torch",
            },
            RefusedError,
            "torch 1.0.0",
        ),
    ],
)
def test_recipes_that_say_nothing(changed: dict[str, Any], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        recipe_file(read_local(memoryview(with_metadata(**changed)), PATH))


def test_a_device_that_this_host_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"generator": "torch", "device": "cuda", "layers": [SPEC["layers"][0]]}  # type: ignore[index]
    file = file_of(spec)
    stored = read_local(memoryview(file.header + bytes(file.size - len(file.header))), PATH)
    monkeypatch.setattr("tensorseed.devices.registry.cuda_devices", list)
    monkeypatch.setattr("tensorseed.devices.registry.Devices.accelerators", lambda _: [])
    with pytest.raises(RefusedError, match="this host has no device 'cuda'"):
        compare(stored, recipe_file(stored), LocalSettings(1, None))


def test_lines_and_document_tell_the_same() -> None:
    changed = arrays()
    changed["fc.1.weight"] = changed["fc.1.weight"].copy()
    changed["fc.1.weight"][3, 5] = np.nan
    changed["fc.0.bias"] = changed["fc.0.bias"].copy()
    changed["fc.0.bias"][7] = np.inf
    report = report_of(rewritten(changed) + b"x")
    lines = list(as_lines(PATH, report))
    value = repr(float(arrays()["fc.1.weight"][3, 5]))
    told = f"1 of 350,000 elements differ, the first at [3, 5]: nan where the recipe gives {value}"
    assert f"different  fc.1.weight  {told}" in lines
    assert "missing    b  the recipe has it and the file has not" in lines
    assert "equal      fc.2.weight" in lines
    assert "surplus    1 bytes after the last tensor" in lines
    assert lines[-1] == f"{PATH}: not what the recipe gives, 4 of 9 tensors differ"
    assert not [line for line in as_lines(PATH, report, quiet=True) if line.startswith("equal")]
    document = json.loads(as_document(PATH, report))
    assert (document["equal"], document["surplus_bytes"], document["header"]) == (False, 1, "different")
    members = {member["name"]: member for member in document["tensors"]}
    assert members["fc.1.weight"]["first"] == {"at": [3, 5], "found": "NaN", "expected": float(value)}
    assert members["fc.0.bias"]["first"]["found"] == "Infinity"
    assert members["b"] == {"name": "b", "state": "missing", "elements": 33, "differing": 0, "first": None}


def test_nothing_is_said_of_the_right_file_in_quiet() -> None:
    assert list(as_lines(PATH, report_of(DATA), quiet=True)) == []
    assert list(as_lines(PATH, report_of(DATA)))[-1].endswith("every byte is what the recipe gives")
