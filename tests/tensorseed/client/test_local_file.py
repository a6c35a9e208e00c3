"""Headers read strictly."""

from __future__ import annotations

import json
import pickle
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.client.errors import DiskError, MismatchError
from tensorseed.client.local_file import open_local, read_local

PATH = Path("w.safetensors")
REFUSED = r"^w.safetensors is not a whole safetensors file, since .+: fetch it again$"


def file(header: object, data: bytes = b"") -> memoryview:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return memoryview(struct.pack("<Q", len(text)) + text + data)


def entry(start: int, stop: int, shape: object = None, dtype: object = "U8") -> dict[str, object]:
    return {
        "dtype": dtype,
        "shape": [stop - start] if shape is None else shape,
        "data_offsets": [start, stop],
    }


def test_what_the_reference_writes_is_read():
    arrays = {"b": np.zeros(0, np.int64), "c": np.ones((), np.uint8)}
    arrays["a"] = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = read_local(memoryview(safetensors.numpy.save(arrays, {"k": "v"})), PATH)
    assert found.header.metadata == {"k": "v"}
    assert {name: tensor.shape for name, tensor in found.header.tensors.items()} == {
        "a": (2, 3),
        "b": (0,),
        "c": (),
    }
    for name, tensor in found.header.tensors.items():
        assert bytes(found.data[tensor.start : tensor.stop]) == arrays[name].tobytes()
    assert found.header.file_bytes == len(found.data)


@pytest.mark.parametrize(
    "data",
    [
        memoryview(b"1234567"),
        memoryview(struct.pack("<Q", 1 << 60) + b"{}"),
        memoryview(struct.pack("<Q", 3) + b"{}"),
        file(b"\xff{}"),
        file(b"nothing"),
        file([]),
        file(b'{"a": 1, "a": 2}'),
        file(b'{"__metadata__": {"k": "v", "k": "v"}}'),
        file(b"[" * 100_000),
        file(b'{"a": ' + b"9" * 5_000 + b"}"),
        file({"__metadata__": {"k": 1}}),
        file({"__metadata__": []}),
        file({"a": 5}),
        file({"a": {**entry(0, 0), "more": 1}}),
        file({"a": entry(0, 0, dtype="F7")}),
        file({"a": entry(0, 0, dtype=[])}),
        file({"a": entry(0, 1, shape=[True])}, b"x"),
        file({"a": entry(0, 1, shape=[-1, -1])}, b"x"),
        file({"a": entry(0, 1, shape=[2])}, b"x"),
        file({"a": entry(0, 1, shape=[1 << 62, 1 << 62])}, b"x"),
        file({"a": {**entry(0, 1), "data_offsets": [0, 1, 2]}}, b"x"),
        file({"a": entry(1, 2)}, b"xx"),
        file({"a": entry(0, 1), "b": entry(0, 1)}, b"x"),
        file({"a": entry(0, 1), "b": entry(2, 3)}, b"xxx"),
    ],
)
def test_what_breaks_the_format_is_refused(data):
    with pytest.raises(MismatchError, match=REFUSED):
        read_local(data, PATH)


def test_other_kinds_of_file_are_called_what_they_are():
    for data, words in [
        (b'{"layers": []}', "is JSON and no safetensors file: .*tensorseed plan"),
        (b' \n[{"name": 1}]', "is JSON"),
        (b"{}", "is JSON"),
        (b"[1]\n", "is JSON"),
        (b'{"metadata": {"total_size": 9}, "weight_map": {}}', "is an index of shards: name a shard"),
        (b"PK\x03\x04\x00\x00\x08\x08 and so on", "is a ZIP archive, as torch.save and numpy.savez write"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is a pickle, as torch.save wrote"),
        (pickle.dumps({"a": 1}), "is a pickle"),
        (struct.pack("<Q", ord("{")) + b"x", "is not a whole safetensors file"),
        (struct.pack("<Q", 0x0280) + b"x", "is not a whole safetensors file"),
    ]:
        with pytest.raises(MismatchError, match=words):
            read_local(memoryview(data), PATH)


@given(st.binary(max_size=200), st.integers(0, 64))
def test_no_bytes_do_more_than_that(data, length):
    with suppress(MismatchError):
        read_local(memoryview(struct.pack("<Q", length) + data), PATH)


def test_bytes_that_lack_or_are_surplus_are_counted():
    assert (
        read_local(file({"a": entry(0, 3)}, b"xx"), PATH).header.file_bytes
        == len(file({"a": entry(0, 3)})) + 3
    )
    assert (
        read_local(file({"a": entry(0, 1)}, b"xx"), PATH).header.file_bytes
        == len(file({"a": entry(0, 1)})) + 1
    )


def test_files_that_cannot_be_mapped(tmp_path):
    with pytest.raises(DiskError, match="cannot be read"), open_local(tmp_path / "no"):
        pass
    (tmp_path / "empty").touch()
    with pytest.raises(MismatchError, match="it is empty"), open_local(tmp_path / "empty"):
        pass
