"""Dtypes, and the machines whose storage equals the file's bytes."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch

from tensorseed.sampling import dtypes


def test_a_big_endian_machine_is_refused(monkeypatch):
    """It would serve swapped bytes under the right ETag."""
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(ImportError, match="runs on little-endian machines only"):
        importlib.reload(dtypes)


@pytest.mark.parametrize("name", [dtype.name for dtype in dtypes.DTYPES.values() if dtype.mantissa_bits])
def test_torch_computes_in_the_compute_dtypes_alone(name):
    tensor = torch.zeros(2, dtype=getattr(torch, name))
    if name in dtypes.COMPUTE_DTYPES:
        assert (tensor + tensor).dtype == tensor.dtype
    else:
        with pytest.raises(RuntimeError, match="not implemented"):
            tensor + tensor
