"""The levels of x86-64, and loops compiled for one of them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from numba.core import registry

from tensorseed.devices.local import kernels_ready
from tensorseed.sampling.distributions import Normal, TruncNormal, Uniform
from tensorseed.sampling.dtypes import DTYPES
from tensorseed.sampling.executors.compiled import CompiledExecutor
from tensorseed.sampling.jit_target import interleaved
from tensorseed.sampling.machine_code import target
from tensorseed.sampling.machine_code.target import LEVELS, choose, is_late, levels, target_digest
from tensorseed.sampling.philox import Stream
from tests.serving import ROOT

DRAW = """
import sys
import llvmlite.binding as llvm
if sys.argv[2] == "plain":
    llvm.set_option = lambda *_: None
from tensorseed.sampling.machine_code.target import choose
print(choose(sys.argv[1]))
from tests.tensorseed.sampling.executors.test_portability import drawn
print(drawn())
"""


def drawn() -> str:
    """The digest of draws of several lengths by this process's code."""
    digest = hashlib.sha256()
    for count in (1, 63, 64, 1_000, 100_003):
        for what in (Normal(0, 1), Uniform(-1, 1), TruncNormal(0, 1, -2, 2), TruncNormal(0, 1, 1, 9)):
            for dtype in ("float32", "float64", "bfloat16", "float16", "float8_e5m2"):
                out = np.empty(count, DTYPES[dtype].storage)
                CompiledExecutor().fill(what, DTYPES[dtype], Stream(0, ""), 3, out)
                digest.update(out.tobytes())
    return digest.hexdigest()


def having(monkeypatch: pytest.MonkeyPatch, features: set[str]) -> None:
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: dict.fromkeys(features, True))


@pytest.fixture
def untargeted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_late", [])
    monkeypatch.setattr(numba.config, "CPU_NAME", None)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(target, "_chosen", [])


def test_a_level_needs_all_of_its_features_and_those_below(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(LEVELS)
    for count in range(len(names) + 1):
        had = set().union(*(LEVELS[name] for name in names[:count]))
        having(monkeypatch, had)
        assert levels() == names[:count]
        having(monkeypatch, had | {"avx512f"})
        assert levels() == names[:count]
    having(monkeypatch, set().union(*LEVELS.values()) - {"avx2"})
    assert levels() == ["x86-64-v2"]


@pytest.mark.usefixtures("untargeted")
def test_the_highest_level_is_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, LEVELS["x86-64-v2"] | LEVELS["x86-64-v3"])
    assert choose() == "x86-64-v3"
    assert (numba.config.CPU_NAME, numba.config.CPU_FEATURES) == ("x86-64-v3", "")


@pytest.mark.usefixtures("untargeted")
def test_the_widest_level_uses_all_of_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, set().union(*LEVELS.values()))
    assert choose() == "x86-64-v4"
    assert numba.config.CPU_FEATURES == "-prefer-256-bit"


@pytest.mark.usefixtures("untargeted")
def test_another_architecture_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, {"neon"})
    assert choose() is None
    assert numba.config.CPU_NAME is None


@pytest.mark.usefixtures("untargeted")
def test_what_the_environment_names_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CPU_NAME", "generic")
    assert choose() == "generic"


@pytest.mark.usefixtures("untargeted")
def test_machine_code_is_that_of_a_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digests = {target_digest()}
    monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: "another")
    digests.add(target_digest())
    for level in LEVELS:
        monkeypatch.setattr(target, "_chosen", [level])
        digests.add(target_digest())
    monkeypatch.setenv("NUMBA_LOOP_VECTORIZE", "0")
    digests.add(target_digest())
    assert len(digests) == 6
    for name in ("NUMBA_CACHE_DIR", "NUMBA_THREADING_LAYER", "NUMBA_DISABLE_PERFORMANCE_WARNINGS"):
        monkeypatch.setenv(name, "elsewhere")
        assert target_digest() in digests
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".numba_config.yaml").write_bytes("opt: 1 # é".encode("latin-1"))
    assert target_digest() not in digests


@pytest.mark.usefixtures("untargeted")
def test_code_of_an_earlier_target_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba reads its configuration once, at the first decorator, which was that of some kernel."""
    numba.njit(lambda: None)
    assert not is_late()
    assert choose(next(iter(LEVELS))) == next(iter(LEVELS))
    assert is_late()
    monkeypatch.setattr(target, "_late", [])
    monkeypatch.setattr(numba.config, "CPU_NAME", None)
    monkeypatch.setattr(registry, "cpu_target", Mock(spec=[]))
    choose(next(iter(LEVELS)))
    assert not is_late()


def test_a_loop_that_is_asked_for_is_interleaved_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[str] = []
    monkeypatch.setattr(llvm, "set_option", lambda _, option: options.append(option))

    def double(out: Any) -> None:
        for i in range(out.size):
            out[i] *= 2

    out = np.ones(3)
    numba.njit(double)(out)
    assert not options
    interleaved(nogil=True)(double)(out)
    assert options == ["-force-vector-interleave=2", "-force-vector-interleave=0"]
    assert out.tolist() == [4, 4, 4]


def test_interleaving_makes_two_iterations_one() -> None:
    def longer(out: Any) -> None:
        for i in range(out.size):
            x = out[i]
            for _ in range(40):
                x = x * x + 0.5
            out[i] = x

    lengths = []
    for decorate in (numba.njit, interleaved()):
        loop = decorate(longer)
        loop(np.ones(3))
        lengths.append(len(next(iter(loop.inspect_asm().values()))))
    assert lengths[1] > lengths[0]


@pytest.mark.skipif(not levels(), reason="needs x86-64")
def test_every_level_draws_the_same_and_interleaving_changes_nothing() -> None:
    """The highest level is that of this process, whose code other tests have compiled."""
    assert kernels_ready()
    assert choose() == levels()[-1]
    values = {drawn()}
    for level, how in [(levels()[-1], "plain"), *((level, "interleaved") for level in levels()[:-1])]:
        command = [sys.executable, "-c", DRAW, level, how]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        name, digest = ended.stdout.split()
        assert name == level
        values.add(digest)
    assert len(values) == 1
