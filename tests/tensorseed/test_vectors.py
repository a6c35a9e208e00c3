"""Frozen vectors: every scheme and dtype, bit for bit, on every device."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tensorseed.files.elements import DrawnElements
from tensorseed.files.virtual_file import open_file
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.spec.limits import Limits
from tensorseed.spec.schemes import SCHEMES
from tensorseed.spec.spec import parse_query
from tests.tensorseed.draws import executors

EXECUTORS = dict(executors())
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "files.json").read_text())


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["request"].partition("?")[2])
def test_a_frozen_request_gives_its_frozen_bytes(vector, executor):
    query = dict(parse_qsl(urlsplit(vector["request"]).query, keep_blank_values=True))
    file = open_file(parse_query(query, Limits()))
    source = DrawnElements(file.resolved, EXECUTORS[executor])
    entry = file.entries()[0]
    data = file.read(entry.start, entry.stop, source).tobytes()
    itemsize = entry.tensor.dtype.itemsize
    first = [data[i : i + itemsize][::-1].hex() for i in range(0, itemsize * len(vector["first"]), itemsize)]
    assert first == vector["first"]
    assert hashlib.sha256(data).hexdigest() == vector["tensor_sha256"]
    assert hashlib.sha256(file.read(0, file.size, source).tobytes()).hexdigest() == vector["sha256"]


def test_every_scheme_and_every_dtype_has_a_vector():
    pinned = {
        tuple(dict(parse_qsl(urlsplit(v["request"]).query)).get(k) for k in ("init", "dtype"))
        for v in VECTORS
    }
    floats = [dtype.name for dtype in DTYPES.values() if dtype.mantissa_bits]
    assert pinned >= {(kind, dtype) for kind in canonical_kinds() for dtype in floats}


def canonical_kinds() -> set[str]:
    """Every kind, by its first spelling."""
    return {scheme.spellings()[0] for scheme in SCHEMES.values()}
