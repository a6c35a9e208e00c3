"""Tensors as a file that every reader reads."""

from __future__ import annotations

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorseed.files.header import write_tensors
from tensorseed.files.reader import read_tensors, to_torch
from tensorseed.sampling.dtypes import DTYPES


def test_it_is_the_reference_writers_file() -> None:
    tensors = {
        "loss": torch.tensor(1.5),
        "gradients.input": torch.arange(6.0).reshape(2, 3).t(),
        "b": torch.tensor([1, 2]),
        "a": torch.ones(3, dtype=torch.bfloat16),
        "empty": torch.empty(0, 2),
    }
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    written = b"".join(write_tensors(tensors, {"format": "pt"}))
    assert written == safetensors.torch.save(contiguous, {"format": "pt"})


@pytest.mark.parametrize("name", sorted(set(DTYPES) - {"float8_e4m3fn", "float8_e5m2", "int8"}))
def test_every_dtype_comes_back(name: str) -> None:
    tensor = torch.tensor([[1.0, 2.0], [0.0, 3.0]]).to(getattr(torch, name))
    (raw,) = read_tensors(bytearray(b"".join(write_tensors({"x": tensor}, {})))).values()
    assert torch.equal(to_torch(raw), tensor)


def test_a_tensor_that_wants_a_gradient_is_written() -> None:
    pieces = write_tensors({"x": torch.ones(2, requires_grad=True)}, {})
    assert bytes(pieces[-1]) == torch.ones(2).numpy().tobytes()


def test_memory_is_shared() -> None:
    tensor = torch.zeros(2)
    pieces = write_tensors({"x": tensor}, {})
    tensor += 1
    assert bytes(pieces[-1]) == tensor.numpy().tobytes()


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.text('aé"\\\n\0', max_size=5)))
def test_any_metadata_comes_back(metadata: dict[str, str]) -> None:
    body = b"".join(write_tensors({}, metadata))
    size = int.from_bytes(body[:8], "little")
    assert size % 8 == 0
    assert safetensors.deserialize(body) == []
