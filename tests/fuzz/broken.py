"""Fuzz target with a planted fault: three bytes that no corpus has."""

from __future__ import annotations


def corpus() -> list[bytes]:
    """Nothing near it."""
    return [b"a"]


def check(data: bytes) -> None:
    """Byte by byte, so that coverage leads the way."""
    if data[:1] == b"b" and data[1:2] == b"a" and data[2:3] == b"d":
        raise AssertionError("this is bad")
