"""Range fields: the exact bytes, each once, or a refusal."""

from __future__ import annotations

from itertools import pairwise

from service.http.errors import RangeError
from service.http.ranges import GAP, MAX_RANGES, ByteRange, parse_range
from tools.fuzz.refusals import check_refusal

SIZE_BYTES = 4


def corpus() -> list[bytes]:
    """The size in four bytes, then the field."""
    fields = [
        "bytes=0-499",
        "bytes=-500",
        "BYTES=9500-",
        "bytes= 0-0 ,, 5000-5000 ,",
        "bytes=500-999,0-499",
        "bytes=0-9,90-99,180-",
        "bytes=5-1",
        "bytes=00000000000000000000000000005-99999999999999999999999999",
        "bytes=0-,1-,2-",
        "lines=0-1",
        "bytes",
        "",
        "bytes=" + ",".join(f"{200 * i}-{200 * i}" for i in range(MAX_RANGES + 1)),
    ]
    return [size.to_bytes(SIZE_BYTES, "big") + field.encode() for size in (0, 10_000) for field in fields]


def check(data: bytes) -> None:
    """The first four bytes are the file's size, the rest the field as a server reads it."""
    size = int.from_bytes(data[:SIZE_BYTES], "big")
    field = data[SIZE_BYTES:].decode("latin-1")
    try:
        served = parse_range(field, size)
    except RangeError as error:
        check_refusal(error)
        _check_size(error, size)
        return
    if served is None:
        assert size == 0 or field.partition("=")[0].strip().lower() != "bytes" or "=" not in field
        return
    _check_form(served, size)
    asked = [_asked(spec, size) for spec in field.partition("=")[2].split(",") if spec.strip(" \t")]
    wanted = [(start, stop) for start, stop in asked if start < stop]
    for start, stop in wanted:
        assert any(one.start <= start and stop <= one.stop for one in served), "a byte left out"
    for one in served:
        assert any(start == one.start for start, _ in wanted), "begins where nobody asked"
        assert any(stop == one.stop for _, stop in wanted), "ends where nobody asked"


def _check_size(error: RangeError, size: int) -> None:
    assert error.headers == {"Content-Range": f"bytes */{size}"}, "a refusal that hides the size"


def _check_form(served: list[ByteRange], size: int) -> None:
    assert 1 <= len(served) <= MAX_RANGES, "none, or too many"
    assert all(0 <= one.start < one.stop <= size for one in served), "beyond the file"
    ordered = sorted(served)
    assert all(b.start - a.stop > GAP for a, b in pairwise(ordered)), "not joined"
    again = "bytes=" + ",".join(f"{one.start}-{one.stop - 1}" for one in served)
    assert parse_range(again, size) == served, "the same asked again is another"


def _asked(spec: str, size: int) -> tuple[int, int]:
    """The bytes of one range as a plain reading of RFC 9110 has it, clipped to the file."""
    first, last = (int(digits) if digits else None for digits in spec.strip(" \t").split("-"))
    if first is None:
        assert last is not None, "a range without an end"
        return max(0, size - last), size
    if first >= size:  # whatever its end: the parser tells no numbers beyond any file apart
        return size, size
    assert last is None or first <= last, "a range that ends before it starts"
    return first, size if last is None else min(last + 1, size)
