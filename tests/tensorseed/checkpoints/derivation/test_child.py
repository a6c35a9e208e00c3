"""A process that derives recipes for a thread: it answers, is stopped, and starts again."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tensorseed.checkpoints.derivation import child, configs
from tensorseed.checkpoints.derivation.child import Child
from tensorseed.checkpoints.derivation.deriving import derive
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tests.tensorseed.checkpoints.derivation.families import FAMILIES

LLAMA = FAMILIES["llama"]
READY = "import sys, time; out = sys.stdout.buffer; out.write(bytes([0, 0, 0, 2]) + b'{}'); out.flush(); "


def stand_in(monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    """Let the process be one that says that it is ready, and then does what `then` says."""
    monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", READY + then])


def test_one_process_derives_several_recipes() -> None:
    made = Child(60)
    try:
        assert made.derive(LLAMA) == derive(LLAMA)
        first = made._process
        with pytest.raises(ConfigError, match="did you mean llama") as caught:
            made.derive({"model_type": "lama"})
        assert [fault.pointer for fault in caught.value.faults] == ["/model_type"]
        assert made._process is first
    finally:
        made.close()
    assert first is not None
    assert first.returncode is not None
    made.close()


def test_what_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "time.sleep(600)")
    made = Child(0.05)
    with pytest.raises(DerivationTimeError, match=r"longer than the 0\.05 s"):
        made.derive(LLAMA)
    assert made._process is None


@pytest.mark.parametrize("then", ["sys.exit()", "sys.stdin.buffer.read(4)", "out.write(b'abc')"])
def test_a_process_that_dies(monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    stand_in(monkeypatch, then)
    made = Child(60)
    with pytest.raises(ConfigError, match="more memory than a derivation may"):
        made.derive(LLAMA)
    assert made._process is None


@pytest.mark.parametrize(
    ("config", "detail"),
    [([], "one JSON object"), ({"model_type": "llama", "auto_map": {"AutoModel": "x.Y"}}, "never run here")],
)
def test_bad_configs_start_nothing(config: Any, detail: str) -> None:
    made = Child(60)
    with pytest.raises(ConfigError, match=detail):
        made.derive(config)
    assert made._process is None


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError):
        Child(60).derive(LLAMA)
