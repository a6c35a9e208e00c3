"""Progress of the compiler on terminals and in logs."""

from __future__ import annotations

import io
import logging

import pytest

from tensorseed.sampling.executors.compile_progress import for_people, line_of, log_lines


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_log_has_a_line_a_quarter(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tell = log_lines()
    for done in range(1, 32):
        tell(done / 31)
    assert [record.getMessage() for record in caplog.records] == [
        f"compiling kernels: {percent} %" for percent in (25, 50, 75)
    ]


def test_a_terminal_has_one_line() -> None:
    terminal = Terminal()
    tell = line_of(terminal)
    for share in (0.1, 0.4, 1.0):
        tell(share)
    assert (
        terminal.getvalue()
        == "".join(f"\rcompiling kernels: {percent} %" for percent in (" 10", " 40", "100")) + "\n"
    )


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO(), None])
def test_standard_error_decides(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be closed."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("sys.stderr", stream)
    for_people()(0.5)
    assert bool(caplog.records) != isinstance(stream, Terminal)
