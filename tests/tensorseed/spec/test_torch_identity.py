"""Identity of generator torch: equal ETags mean equal bytes."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from tensorseed.errors import DeviceError, VersionError
from tensorseed.files.virtual_file import open_file
from tensorseed.spec import torch_identity
from tensorseed.spec.limits import Limits
from tensorseed.spec.spec import parse_spec
from tensorseed.spec.spec_token import decode_token, encode_token
from tensorseed.spec.torch_identity import (
    ABSENT,
    Kernels,
    installed_version,
    kernels_known,
    kernels_of,
)
from tests.waiting import PROGRAM_PATIENCE

ROOT = Path(__file__).parents[3]
DRAWING, FACTORIZING = kernels_of("cpu")
VERSION = installed_version()

INITS: dict[str, Any] = {
    "uniform": "uniform",
    "interval": {"kind": "uniform", "a": -0.3, "b": 0.7},
    "normal": "normal",
    "scaled": {"kind": "normal", "mean": 0.1, "std": 0.02},
    "subnormal": {"kind": "normal", "std": 1e-39},
    "truncated": "trunc_normal",
    "tail": {"kind": "trunc_normal", "a": 1.5, "b": 3.0},
    "xavier_uniform": "xavier_uniform",
    "xavier_normal": "xavier_normal",
    "kaiming_uniform": "kaiming_uniform",
    "kaiming_normal": "kaiming_normal",
    "sparse": {"kind": "sparse", "sparsity": 0.3},
    "orthogonal": "orthogonal",
    "gain": {"kind": "orthogonal", "gain": 1.7},
    "eye": "eye",
    "constant": {"kind": "constant", "value": 0.1},
}
DTYPES = ("float64", "float32", "float16", "bfloat16")
SCALAR, ONE_THREAD, ONE_CORE = "ATEN_CPU_CAPABILITY=default", "OMP_NUM_THREADS=1", "ONE_CORE=1"
SHAPE = [200, 100]  # a factorization that two threads share, given the chance

PROGRAM = """
import json, os, sys
if "ONE_CORE" in os.environ:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import tensorseed
files = [tensorseed.open(spec) for spec in json.load(sys.stdin)]
print(json.dumps([[file.etag, file.digest()] for file in files]))
"""


def specs() -> list[dict[str, Any]]:
    """16 inits in 4 dtypes, as far as torch has them, and some layers."""
    bare = [
        {"layers": [{"name": "w", "type": "Tensor", "shape": SHAPE, "init": init, "dtype": dtype}]}
        for init in INITS.values()
        for dtype in DTYPES
        if "orthogonal" not in str(init) or dtype in {"float64", "float32"}
    ]
    layers = [
        {"name": "linear", "type": "Linear", "in_features": 60, "out_features": 50},
        {"name": "lstm", "type": "LSTM", "input_size": 9, "hidden_size": 20},
    ]
    return [{**spec, "seed": 42, "generator": "torch"} for spec in [*bare, {"layers": layers}]]


@cache
def drawn(*environment: str) -> list[tuple[str, str]]:
    """The ETag and the SHA-256 of the file of each spec, in a process with these variables."""
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=ROOT,
        env={**kept, **dict(variable.split("=", 1) for variable in environment)},
        input=json.dumps(specs()),
        capture_output=True,
        text=True,
        check=True,
        timeout=PROGRAM_PATIENCE,
    )
    return [tuple(one) for one in json.loads(found.stdout)]


@pytest.fixture(scope="module")
def here() -> list[tuple[str, str]]:
    return drawn()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        [SCALAR],
        ["ATEN_CPU_CAPABILITY=avx2"],
        [ONE_THREAD],
        [ONE_CORE],
        ["MKL_ENABLE_INSTRUCTIONS=SSE4_2"],
        ["MKL_CBWR=COMPATIBLE"],
        [SCALAR, "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4"],
    ],
    ids=",".join,
)
def test_equal_etags_mean_equal_bytes(environment: list[str], here: list[tuple[str, str]]) -> None:
    there = drawn(*environment)
    for spec, (tag, digest), (other_tag, other_digest) in zip(specs(), here, there, strict=True):
        assert (tag == other_tag) <= (digest == other_digest), spec


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="torch has one set of kernels here")
def test_other_kernels_draw_other_bytes(here: list[tuple[str, str]]) -> None:
    """The comparison above compares something."""
    there = drawn(SCALAR)
    assert sum(one[1] != other[1] for one, other in zip(here, there, strict=True)) > 10
    assert all(one[0] != other[0] for one, other in zip(here, there, strict=True))


@pytest.mark.slow
def test_the_number_of_threads_changes_neither_tag_nor_byte(here: list[tuple[str, str]]) -> None:
    assert drawn(ONE_THREAD) == here
    assert drawn(ONE_CORE) == here


def parse(*, init: Any = "normal", shape: Any = (3, 2), **top: Any) -> Any:
    layers = [{"name": "w", "type": "Tensor", "shape": list(shape), "init": init}]
    return parse_spec(json.dumps({"generator": "torch", "layers": layers, **top}).encode(), Limits())


def test_the_identity_names_build_architecture_and_capability() -> None:
    identity = parse().torch
    assert identity.version == torch.__version__
    assert identity.kernels.startswith(
        f"{platform.machine()}-{torch.backends.cpu.get_cpu_capability().lower()}-"
    )


def test_only_files_of_orthogonal_matrices_depend_on_lapack() -> None:
    assert parse().torch.kernels == DRAWING
    assert parse(init="orthogonal").torch.kernels == FACTORIZING != DRAWING
    assert FACTORIZING.startswith(DRAWING)
    assert parse(init="orthogonal", shape=(0, 3)).torch.kernels == DRAWING


def test_a_known_tensor_is_drawn_alike_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_identity, "_known", {})
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert not kernels_known("cpu")
    assert kernels_of("cpu") == (DRAWING, FACTORIZING)
    assert kernels_known("cpu")
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"torch_version": VERSION},
        {"torch_version": VERSION.partition("+")[0]},
        {"torch_kernels": DRAWING},
        {"torch_kernels": FACTORIZING},
        {"torch_version": VERSION, "torch_kernels": FACTORIZING},
    ],
)
@pytest.mark.parametrize("init", ["normal", "orthogonal"])
def test_a_part_of_the_identity_may_be_asked_for(asked: dict[str, str], init: str) -> None:
    assert parse(init=init, **asked) == parse(init=init)


def test_other_kernels_are_not_ours() -> None:
    other = DRAWING[:-1] + ("0" if DRAWING[-1] != "0" else "1")
    with pytest.raises(VersionError, match=f"of the kernels {other} of torch and this host has {DRAWING}"):
        parse(torch_kernels=other)


def test_a_token_of_other_kernels_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"cpu": Kernels("riscv64-default-0123456789ab", "riscv64-default-0123456789ab-ba9876543210")}
    with monkeypatch.context() as patch:
        patch.setattr(torch_identity, "_known", known)
        token = encode_token(parse())
        digest = open_file(parse()).digest
    assert digest != open_file(parse()).digest
    with pytest.raises(VersionError, match="ask a host with riscv64-default-0123456789ab"):
        decode_token(token, Limits())


def test_another_build_of_the_version_is_not_ours() -> None:
    with pytest.raises(VersionError, match=r"of torch 2\.13\.0\+cu999 and this host has torch"):
        parse(torch_version="2.13.0+cu999")


def test_a_host_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", lacks)
    with pytest.raises(VersionError, match=r"pip install 'tensorseed\[torch\]'"):
        parse()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a host without CUDA")
def test_a_spec_for_a_missing_device_names_no_kernels() -> None:
    assert parse(device="cuda").torch.kernels == ABSENT
    assert not kernels_known("cuda")


class Gpu:
    name, major, minor, multi_processor_count = "NVIDIA H200 (80GB)", 9, 0, 132


def test_a_gpu_is_identified_by_what_lays_out_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _index: Gpu)
    monkeypatch.setattr(torch_identity, "_drawn", lambda _device: iter([b"drawn"]))
    monkeypatch.setattr(torch_identity, "_factorized", lambda _device: iter([b"factorized"]))
    monkeypatch.setattr(torch_identity, "_known", {})
    drawing, factorizing = kernels_of("cuda:1")
    assert drawing.startswith("NVIDIA_H200_80GB_-sm90-132-")
    assert factorizing.startswith(f"{drawing}-")
    assert kernels_of("cuda:2") == (ABSENT, ABSENT)


def test_a_device_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_device: str) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch_identity, "_drawn", fail)
    monkeypatch.setattr(torch_identity, "_known", {})
    with pytest.raises(DeviceError, match="cpu could not draw: name another device"):
        kernels_of("cpu")


def test_threads_that_ask_at_once_measure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def measure(about: str, _device: str) -> Kernels:
        measured.append(about)
        return Kernels(about, about)

    monkeypatch.setattr(torch_identity, "_measured", measure)
    monkeypatch.setattr(torch_identity, "_known", {})
    threads = [threading.Thread(target=kernels_of, args=("cpu",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(measured) == 1
