"""Bodies in safetensors format, against the reference library."""

from __future__ import annotations

import json
from typing import Any

import safetensors

from tensorseed.errors import LossError, TooLargeError
from tensorseed.files.reader import READABLE_DTYPES, read_tensors
from tools.fuzz.refusals import check_refusal

DIMENSIONS = 8
END = b"\x00"  # ends the header of the framed form


def corpus() -> list[bytes]:
    """Files, and headers whose length is written for them: a header, a zero byte, the data."""
    found = []
    for header, data in _files():
        text = json.dumps(header, separators=(",", ":")).encode()
        found += [framed(text, data), text + END + data]
    return found


def check(data: bytes) -> None:
    """The data as a file, and as a header and its data."""
    _check(data)
    header, _, rest = data.partition(END)
    _check(framed(header, rest))


def framed(header: bytes, data: bytes) -> bytes:
    """A file with this header, of whatever it may be."""
    return len(header).to_bytes(8, "little") + header + data


def _files() -> list[tuple[dict[str, Any], bytes]]:
    first = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    second = {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]}
    flags = {"dtype": "BOOL", "shape": [2, 2], "data_offsets": [0, 4]}
    empty = {"dtype": "BF16", "shape": [3, 0], "data_offsets": [0, 0]}
    return [
        ({"input": first, "target": second, "__metadata__": {"format": "pt"}}, bytes(16)),
        ({"target": second, "input": first}, bytes(16)),
        ({"m": flags}, bytes([0, 1, 1, 0])),
        ({"m": flags}, bytes([0, 1, 2, 0])),
        ({"e": empty, "s": {"dtype": "U8", "shape": [], "data_offsets": [0, 1]}}, bytes(1)),
        ({"é\n": {"dtype": "F64", "shape": [1, 1, 1], "data_offsets": [0, 8]}}, bytes(8)),
        ({}, b""),
    ]


def _check(body: bytes) -> None:
    try:
        read = read_tensors(body, DIMENSIONS)
    except (LossError, TooLargeError) as error:
        check_refusal(error)
        return
    expected = dict(safetensors.deserialize(body))  # type: ignore[no-untyped-call]
    assert read.keys() == expected.keys(), "other tensors than the reference reads"
    for name, tensor in read.items():
        entry = expected[name]
        assert tensor.dtype == READABLE_DTYPES[entry["dtype"]][0], "another dtype"
        assert list(tensor.shape) == entry["shape"], "another shape"
        assert len(tensor.shape) <= DIMENSIONS, "more dimensions than may be"
        assert bytes(tensor.data) == bytes(entry["data"]), "other bytes"
    header = int.from_bytes(body[:8], "little")
    assert sum(len(tensor.data) for tensor in read.values()) == len(body) - 8 - header, "bytes of none"
