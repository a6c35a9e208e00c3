"""Strict reader against the reference library, with faults by position."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tensorseed.errors import LossError, TooLargeError
from tensorseed.files.reader import MAX_HEADER_BYTES, READABLE_DTYPES, RawTensor, read_tensors, to_torch

INPUT = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
TARGET = {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]}


def file(header: Any, data: bytes = bytes(16)) -> bytes:
    """A file with this header, written as it is where it is bytes already."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def fault(body: bytes) -> tuple[str, str]:
    """Pointer and sentence of the one fault of a file."""
    with pytest.raises(LossError) as caught:
        read_tensors(body)
    (found,) = caught.value.faults
    return found.pointer, found.detail


def reference(body: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """What the reference library reads. Raises SafetensorError."""
    return {
        name: (READABLE_DTYPES[entry["dtype"]][0], tuple(entry["shape"]), bytes(entry["data"]))
        for name, entry in safetensors.deserialize(body)
    }


def ours(body: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (raw.dtype, raw.shape, bytes(raw.data)) for name, raw in read_tensors(body).items()}


@pytest.mark.parametrize("code", READABLE_DTYPES)
def test_every_dtype_is_read_as_the_library_reads_it(code: str) -> None:
    dtype = getattr(torch, READABLE_DTYPES[code][0])
    tensors = {
        "input": torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype),
        "scalar": torch.tensor(1).to(dtype),
        "empty": torch.empty((3, 0, 2), dtype=dtype),
    }
    body = bytearray(safetensors.torch.save(tensors, {"a": "b"}))
    read = {name: to_torch(raw) for name, raw in read_tensors(body).items()}
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == dtype
        assert torch.equal(read[name], tensor)
        assert read[name].shape == tensor.shape
    assert READABLE_DTYPES[code][1] == dtype.itemsize


def test_data_is_not_copied() -> None:
    body = bytearray(safetensors.torch.save({"input": torch.zeros(4)}))
    tensor = to_torch(read_tensors(body)["input"])
    body[-4:] = np.float32(7).tobytes()
    assert tensor.tolist() == [0, 0, 0, 7]


@pytest.mark.parametrize("shift", range(8))
def test_misaligned_data_is_read_all_the_same(shift: int) -> None:
    body = safetensors.torch.save({"input": torch.arange(5.0, dtype=torch.float64)})
    held = bytearray(shift) + body
    tensor = to_torch(read_tensors(memoryview(held)[shift:])["input"])
    assert tensor.data_ptr() % 8 == 0
    assert tensor.tolist() == [0, 1, 2, 3, 4]


def test_a_buffer_that_cannot_be_written_is_copied() -> None:
    tensor = to_torch(read_tensors(safetensors.torch.save({"input": torch.ones(3)}))["input"])
    tensor += 1
    assert tensor.tolist() == [2, 2, 2]


@pytest.mark.parametrize("size", range(8))
def test_too_short_for_a_length(size: int) -> None:
    assert fault(bytes(size)) == (
        "",
        f"the file has {size} bytes, and a safetensors file starts with 8 that tell its header's length: "
        "send a file as safetensors writes it",
    )


@pytest.mark.parametrize("size", [3, 1 << 32, (1 << 64) - 1])
def test_a_header_longer_than_the_file(size: int) -> None:
    pointer, detail = fault(size.to_bytes(8, "little") + b"{}")
    assert pointer == ""
    assert f"{size:,} bytes, and 2 follow" in detail


def test_a_header_over_the_limit() -> None:
    largest = file(b"{}".ljust(MAX_HEADER_BYTES), b"")
    assert read_tensors(largest) == {}
    with pytest.raises(TooLargeError, match="1,048,577 bytes, the limit is 1,048,576"):
        read_tensors(file(b"{}".ljust(MAX_HEADER_BYTES + 1), b""))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b" {}",
        b"null",
        b"{",
        b"{}{}",
        b'{"\xff": 1}',
        b'{"input": NaN}',
        b'{"\\ud800": 1}',
        b'{"a":' * 5000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        '{"a": 1}'.encode("utf-16"),
    ],
    ids=lambda header: repr(header[:12]),
)
def test_a_header_that_is_no_object(header: bytes) -> None:
    assert "safetensors" in fault(file(header, b""))[1]


@pytest.mark.parametrize(
    "header",
    [
        b'{"input":%(a)s,"input":%(a)s}',
        b'{"__metadata__":{},"__metadata__":{},"input":%(a)s}',
        b'{"__metadata__":{"input":"1","input":"2"},"input":%(a)s}',
        b'{"x":{"input":1,"input":1},"input":%(a)s}',
    ],
)
def test_a_name_given_twice(header: bytes) -> None:
    pointer, detail = fault(file(header % {b"a": json.dumps(INPUT).encode()}, bytes(8)))
    assert pointer == ""
    assert detail.endswith("twice: give every name once")


@pytest.mark.parametrize("metadata", [None, 1, [], "a", {"a": 1}, {"a": None}, {"a": {}}])
def test_metadata_that_is_not_text(metadata: Any) -> None:
    pointer, detail = fault(file({"__metadata__": metadata, "input": INPUT}, bytes(8)))
    assert pointer == "/__metadata__"
    assert "strings" in detail


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": "F8_E4M3"}, "F8_E4M3 is not a supported dtype: use one of F64, F32, F16"),
        ({"dtype": "f32"}, "f32 is not a supported dtype"),
        ({"dtype": ["F32"]}, "this is not a supported dtype"),
        ({"dtype": None}, "this is not a supported dtype"),
        ({"shape": 2}, "the shape must be a list"),
        ({"shape": [2.0]}, "the shape must be a list"),
        ({"shape": [True, 2]}, "the shape must be a list"),
        ({"shape": [-2]}, "have no sign"),
        ({"shape": ["2"]}, "the shape must be a list"),
        ({"shape": [1 << 63]}, "the shape must be a list"),
        ({"shape": [1 << 64]}, "the shape must be a list"),
        ({"shape": [10**400]}, "header is not a JSON object"),
        ({"shape": [1 << 61]}, "does not have 8 bytes"),
        ({"shape": [1 << 62, 1 << 62, 0]}, "does not have 8 bytes"),
        ({"shape": [1 << 62, 1 << 62, 0], "data_offsets": [0, 0]}, "does not have 0 bytes"),
        ({"shape": [3]}, "of F32 and shape [3] does not have 8 bytes"),
        ({"shape": []}, "of F32 and shape [] does not have 8 bytes"),
        ({"shape": [1] * 64 + [2]}, "at most 64 dimensions, this one has 65"),
        ({"data_offsets": [0]}, "two integers"),
        ({"data_offsets": [0, 8, 8]}, "two integers"),
        ({"data_offsets": [0, 8.0]}, "two integers"),
        ({"data_offsets": [False, 8]}, "two integers"),
        ({"data_offsets": [8, 0]}, "does not have -8 bytes"),
        ({"data_offsets": [0, 1 << 63]}, "two integers"),
        ({"data_offsets": "08"}, "two integers"),
        ({"extra": 1}, "dtype, shape and data_offsets"),
    ],
    ids=str,
)
def test_an_entry_that_is_not_right(change: dict[str, Any], words: str) -> None:
    pointer, detail = fault(file({"input": {**INPUT, **change}}, bytes(8)))
    assert words in detail
    assert pointer == ("" if words in ("have no sign", "header is not a JSON object") else "/input")


@pytest.mark.parametrize("member", ["dtype", "shape", "data_offsets"])
def test_an_entry_without_a_member(member: str) -> None:
    entry = {name: value for name, value in INPUT.items() if name != member}
    assert fault(file({"input": entry}, bytes(8)))[0] == "/input"


@pytest.mark.parametrize("entry", [None, 1, "F32", ["F32", [2], [0, 8]]])
def test_an_entry_that_is_no_object(entry: Any) -> None:
    assert fault(file({"input": entry}, bytes(8)))[0] == "/input"


def test_minus_zero_is_no_size() -> None:
    assert "-0" in fault(file(b'{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}', b""))[1]


@pytest.mark.parametrize(
    ("input_at", "target_at", "size", "expected"),
    [
        ([0, 8], [16, 24], 24, ("/target", "8 bytes before this tensor belong to none")),
        ([8, 16], [16, 24], 24, ("/input", "8 bytes before this tensor belong to none")),
        ([0, 8], [4, 12], 12, ("/target", "this tensor overlaps input")),
        ([0, 8], [0, 8], 8, ("/target", "this tensor overlaps input")),
        ([0, 8], [8, 16], 15, ("/target", "ends at byte 16 of the data, which has 15")),
        ([0, 8], [8, 16], 17, ("", "1 bytes after the last tensor belong to none")),
    ],
)
def test_where_tensors_lie(
    input_at: list[int], target_at: list[int], size: int, expected: tuple[str, str]
) -> None:
    header = {"input": {**INPUT, "data_offsets": input_at}, "target": {**TARGET, "data_offsets": target_at}}
    pointer, detail = fault(file(header, bytes(size)))
    assert pointer == expected[0]
    assert expected[1] in detail


def test_bytes_after_no_tensor() -> None:
    assert fault(file({}, b"1"))[0] == ""
    assert read_tensors(file({}, b"")) == {}


def test_a_truth_value_is_0_or_1() -> None:
    header = {"input": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}
    assert read_tensors(file(header, b"\0\1"))["input"].dtype == "bool"
    assert fault(file(header, b"\0\2")) == ("/input", "the bytes of a BOOL tensor are 0 and 1")


def test_a_name_is_a_reference_token() -> None:
    header = {"a/b~c": {**INPUT, "shape": [3]}}
    assert fault(file(header, bytes(8)))[0] == "/a~1b~0c"


def test_names_and_words_are_told_shortened() -> None:
    header = {"n" * 10_000: {**INPUT, "dtype": "x" * 10_000}}
    pointer, detail = fault(file(header, bytes(8)))
    assert len(pointer) + len(detail) < 500


VALID = file({"__metadata__": {"format": "pt"}, "input": INPUT, "target": TARGET}, bytes(range(16)))
SPLICES = st.sampled_from(
    [
        b"",
        b"0",
        b"-",
        b"9" * 20,
        b'"',
        b"{}",
        b"[]",
        b"null",
        b"1e0",
        b".0",
        b"\\u0000",
        b"F64",
        b"BOOL",
        b" ",
    ]
)


@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), SPLICES | st.binary(max_size=6)), max_size=3
    ),
    cut=st.integers(0, 40),
    fix=st.booleans(),
)
@example(edits=[], cut=0, fix=False)
def test_any_mutation_is_a_fault_or_what_the_library_reads(
    edits: list[tuple[int, int, bytes]], cut: int, fix: bool
) -> None:
    body = VALID
    for at, length, splice in edits:
        body = body[:at] + splice + body[at + length :]
    body = body[: len(body) - cut]
    if fix:  # so that a header which became longer or shorter is read, and not just its length refused
        end = max(body.find(b"}}"), body.find(b'"}}'), 8)
        body = max(end - 6, 0).to_bytes(8, "little") + body[8:]
    check(body)


sizes = st.integers(0, 3) | st.sampled_from([-1, 1 << 31, 1 << 61, 1 << 63, 1 << 64, True, 1.0, None, "1"])
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*READABLE_DTYPES, "I8", "F8_E4M3", "", None, 1]),
        "shape": st.lists(sizes, max_size=3),
        "data_offsets": st.lists(st.integers(0, 24) | sizes, min_size=1, max_size=3),
    }
)


@given(
    header=st.dictionaries(
        st.sampled_from(["input", "target", "", "é", "__metadata__"]), entries, max_size=3
    ),
    data=st.binary(max_size=24),
)
def test_any_header_is_a_fault_or_what_the_library_reads(header: dict[str, Any], data: bytes) -> None:
    check(file(header, data))


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(sorted(READABLE_DTYPES)), st.lists(st.integers(0, 3), max_size=3))
    ),
    order=st.randoms(use_true_random=False),
)
def test_any_well_formed_file_is_read(parts: list[tuple[str, list[int]]], order: Any) -> None:
    header: dict[str, Any] = {}
    start = 0
    for index, (code, shape) in enumerate(parts):
        size = int(np.prod(shape)) * READABLE_DTYPES[code][1] if shape else READABLE_DTYPES[code][1]
        header[f"t{index}"] = {"dtype": code, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    shuffled = list(header.items())
    order.shuffle(shuffled)
    body = file(dict(shuffled), bytes(start))
    assert ours(body) == reference(body)
    for name, raw in read_tensors(bytearray(body)).items():
        assert list(to_torch(raw).shape) == header[name]["shape"]


@given(st.binary(max_size=64))
def test_any_bytes(body: bytes) -> None:
    check(body)


def check(body: bytes) -> None:
    """A fault with a sentence, or the library's tensors, which torch then takes."""
    try:
        read = read_tensors(body)
    except (LossError, TooLargeError):
        return
    assert ours(body) == reference(body)
    assert all(isinstance(raw, RawTensor) and to_torch(raw).shape == raw.shape for raw in read.values())
