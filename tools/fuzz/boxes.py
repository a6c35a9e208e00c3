"""Slices: the box that numpy cuts, or a refusal."""

from __future__ import annotations

import math

import numpy as np

from tensorseed.errors import SliceError
from tensorseed.files.slices import Box, is_contiguous, parse_slice
from tools.fuzz.refusals import check_refusal

RANKS = 6
SMALL = 1 << 12  # elements that are compared one by one


def corpus() -> list[bytes]:
    """The rank, as many sizes of a byte, then the text."""
    texts = ["", ":", "0:2,:", "1:,:2", "-2:-1,0:1", ":,:,:", "0:9", "5:2", "0:1,", "00:01", "-0:-0", "1:2:3"]
    return [
        bytes([len(shape), *shape]) + text.encode()
        for shape in ((), (4,), (3, 4), (2, 0, 5))
        for text in texts
    ]


def check(data: bytes) -> None:
    """The first byte is the rank, the next ones the sizes, the rest the text."""
    rank = data[0] % RANKS if data else 0
    shape = tuple(data[1 : 1 + rank])
    text = data[1 + rank :].decode("utf-8", "replace")
    try:
        box = parse_slice(text, shape)
    except SliceError as error:
        check_refusal(error)
        return
    assert box.full == shape, "another tensor"
    assert all(
        0 <= start <= start + n <= size for start, n, size in zip(box.starts, box.shape, shape, strict=True)
    ), "beyond the tensor"
    assert parse_slice(str(box), shape) == box, "the canonical text means another box"
    if math.prod(shape) <= SMALL:
        _check_elements(box, text)


def _check_elements(box: Box, text: str) -> None:
    whole = np.arange(math.prod(box.full)).reshape(box.full)
    bounds = [part.split(":") for part in text.split(",")] if text else []
    expected = whole[tuple(slice(*(int(bound) if bound else None for bound in pair)) for pair in bounds)]
    assert expected.shape == box.shape, "another shape than numpy's"
    found = box.elements(0, math.prod(box.shape))
    assert np.array_equal(found, expected.ravel()), "other elements than numpy's"
    assert not len(found) or box.element(len(found) - 1) == found[-1], "another last element"
    if is_contiguous(box) and len(found):
        assert found[-1] - found[0] == len(found) - 1, "not side by side"
