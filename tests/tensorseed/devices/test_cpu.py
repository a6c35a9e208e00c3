"""The CPU as a device."""

from __future__ import annotations

from tensorseed.devices import registry
from tensorseed.devices.registry import Cpu
from tensorseed.sampling.executors.compiled import CompiledExecutor


def test_it_draws_with_the_compiled_loops():
    assert isinstance(Cpu().executor(), CompiledExecutor)


def test_its_model_and_memory_are_read_from_proc(tmp_path, monkeypatch):
    info = tmp_path / "info"
    info.write_text("model name\t: Some CPU: fast\nMemTotal:  2048 kB\nMemAvailable: 1024 kB\n")
    told = registry._proc_field
    monkeypatch.setattr(registry, "_proc_field", lambda _, field: told(str(info), field))
    assert Cpu().description == "Some CPU: fast"
    assert Cpu().memory() == (2048 << 10, 1024 << 10)


def test_a_system_that_does_not_tell_is_no_fault(monkeypatch):
    told = registry._proc_field
    monkeypatch.setattr(registry, "_proc_field", lambda _, field: told("/nowhere", field))
    assert Cpu().description == "CPU"
    assert Cpu().memory() is None
