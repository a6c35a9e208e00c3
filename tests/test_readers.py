"""Readers of safetensors files against docs/readers.md, bit for bit."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes  # noqa: F401 - gives numpy its bfloat16, as the page says
import numpy as np
import pytest
import torch

import tensorseed

PAGE = (Path(__file__).parents[1] / "docs" / "readers.md").read_text(encoding="utf-8")
KINDS: dict[str, list[dict[str, Any]]] = {
    **{dtype: [{"dtype": dtype}] for dtype in ("float32", "float64", "float16", "bfloat16")},
    **{dtype: [{"dtype": dtype}] for dtype in ("float8_e4m3fn", "float8_e5m2")},
    "int64": [{"dtype": "int64", "shape": [2], "init": {"kind": "values", "data": [2**53, -1]}}],
    "mixed": [{"dtype": "bfloat16"}, {"name": "n", "type": "BatchNorm1d", "num_features": 3}],
    "scalar": [{"shape": []}],
    "empty": [{"shape": [0, 3]}],
    "none": [],
    "many": [{"name": "w.{0..9999}", "shape": [1]}],
    "names": [{"name": name} for name in ("a/b", "😀", 'q"\\', "..", "/abs")],
    "literals": [{"shape": [2], "init": {"kind": "values", "data": [0.25, -3]}}],
}
TENSOR = {"name": "w", "type": "Tensor", "shape": [3, 4], "init": "normal"}
Reader = Callable[[Any], dict[str, Any]]


class Cell(NamedTuple):
    """What the page says that a reader does with a kind of file."""

    reader: str
    kind: str
    outcome: str


def cells() -> Iterator[Cell]:
    head, *rows = re.findall(r"^\| (?:reader|`[\w.]+load[\w]*`) \|.*$", PAGE, re.MULTILINE)
    columns = [text.strip(" `") for text in head.strip("|").split("|")][1:]
    others = [kind for kind in KINDS if kind not in columns]
    assert len(KINDS) == 14
    assert len(others) == 8
    for row in rows:
        reader, *outcomes = [text.strip(" `") for text in row.strip("|").split("|")]
        for column, outcome in zip(columns, outcomes, strict=True):
            for kind in others if column == "others" else [column]:
                exception = re.match(rf"{kind}`: (\w+)", outcome)
                known = "yes" if column == "others" else outcome
                yield Cell(reader, kind, exception[1] if exception else known)


CELLS = list(cells())
INSTALLED = [cell for cell in CELLS if cell.reader.split(".")[1] in ("torch", "numpy", "flax")]


def document(kind: str) -> dict[str, Any]:
    entries = [entry if "type" in entry else {**TENSOR, **entry} for entry in KINDS[kind]]
    return {"seed": 3, "layers": entries}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    for kind in KINDS:
        tensorseed.open(document(kind)).save(folder / kind)
    return {kind: folder / kind for kind in KINDS}


def reader(name: str) -> Reader:
    module, function = name.rsplit(".", 1)
    found: Reader = getattr(importlib.import_module(module), function)
    return found


def content(tensor: Any) -> tuple[tuple[int, ...], bytes]:
    """Shape and elements."""
    if isinstance(tensor, torch.Tensor):
        flat = tensor.contiguous().reshape(-1)
        return tuple(tensor.shape), flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return tuple(tensor.shape), np.asarray(tensor).tobytes()


@pytest.mark.parametrize("cell", INSTALLED, ids=lambda cell: f"{cell.reader} {cell.kind}")
def test_the_page_says_what_a_reader_does(cell: Cell, files: dict[str, Path]) -> None:
    path, load = files[cell.kind], reader(cell.reader)
    source = path if cell.reader.endswith("_file") else path.read_bytes()
    if cell.outcome.endswith("Error"):
        with pytest.raises((AttributeError, KeyError)) as caught:
            load(source)
        assert type(caught.value).__name__ == cell.outcome
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX says that it has no 64 bits
        found = load(source)
    expected = {
        name: content(tensor) for name, tensor in tensorseed.open(document(cell.kind)).torch().items()
    }
    read = {name: content(tensor) for name, tensor in found.items()}
    assert read.keys() == expected.keys()
    assert (read == expected) == (cell.outcome == "yes")
    if cell.outcome != "yes":
        assert cell.outcome in {str(tensor.dtype) for tensor in found.values()}


def test_every_reader_has_every_kind() -> None:
    assert {cell.kind for cell in CELLS} == set(KINDS)
    assert len(CELLS) == 14 * len({cell.reader for cell in CELLS})
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
