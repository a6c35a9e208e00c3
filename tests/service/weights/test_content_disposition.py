"""Names that downloads are saved under."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from service.weights.content_disposition import content_disposition
from tensorseed.files.virtual_file import VirtualFile, open_file, open_slice
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_query

PLAIN = re.compile(r'attachment; filename="([A-Za-z0-9][A-Za-z0-9_.-]*\.safetensors)"(.*)')


def tensor(name: str, shape: str = "3,2", seed: int = 1) -> VirtualFile:
    query = {"name": name, "shape": shape, "init": "normal", "seed": str(seed)}
    return open_file(parse_query(query, Limits()))


def saved(file: VirtualFile) -> str:
    """The name that a client without `filename*` saves the file by."""
    found = PLAIN.fullmatch(content_disposition(file, ".safetensors"))
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("name", "shape", "beginning"),
    [
        ("fc1.weight", "256,784", "fc1.weight-256x784-"),
        ("step", "", "step-0d-"),
        ("w", ",".join(["1"] * 40), "w-40d-"),
        ("enc/l0/kernel", "2", "enc_l0_kernel-2-"),
        ("../../.ssh/config", "2", "ssh_config-2-"),
        ("-rf *", "2", "rf_-2-"),
        ('a"; filename="b', "2", "a_filename_b-2-"),
        ("a\\b:c", "2", "a_b_c-2-"),
        ("...", "2", "tensor-2-"),
    ],
)
def test_the_name_tells_tensor_shape_and_digest(name: str, shape: str, beginning: str) -> None:
    file = tensor(name, shape)
    assert saved(file) == f"{beginning}{file.digest[:12]}.safetensors"
    assert "filename*" not in content_disposition(file, ".safetensors")


def test_a_name_beyond_ascii_has_both_forms() -> None:
    field = content_disposition(tensor("größe/重み\u202e"), ".safetensors")
    plain, _, extended = field.partition("; filename*=UTF-8''")
    assert PLAIN.fullmatch(plain)
    assert re.fullmatch(r"[A-Za-z0-9_.%~-]+", extended)
    assert unquote(extended).startswith("größe_重み_-3x2-")


@pytest.mark.parametrize("name", ["x" * 900, "é" * 900, "重" * 900, "layers." * 100 + "weight"])
def test_a_long_name_keeps_its_end_and_fits_a_file_system(name: str) -> None:
    field = content_disposition(tensor(name + ".end"), ".safetensors")
    plain, _, extended = field.partition("; filename*=UTF-8''")
    for found in (plain.partition('"')[2].rstrip('"'), unquote(extended)):
        assert len(found.encode()) <= 255
        assert not found or "end-3x2-" in found


def test_downloads_that_differ_have_names_that_differ() -> None:
    file = tensor("w", "8,8")
    files = [file, tensor("w", "8,8", seed=2), tensor("v", "8,8"), tensor("w", "64")]
    files += [open_slice(file, "w", wanted) for wanted in ("0:4,:", "4:8,:", ":,0:4", "")]
    assert len({saved(found) for found in files}) == len(files)
