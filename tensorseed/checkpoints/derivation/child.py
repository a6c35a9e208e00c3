"""Deriving recipes in another process, waited for by a thread: torch's and transformers' switches are one set
for a process, and a server's threads are using them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from threading import Timer
from typing import IO, Any

from tensorseed.checkpoints.derivation.configs import check_config, installed
from tensorseed.checkpoints.derivation.errors import DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.process import (
    LENGTH,
    START_SECONDS,
    command,
    recipe_in,
    request,
    too_much,
)


class Child:
    """A process that starts with the first recipe and lives until it is closed. For one thread at a time."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the most that one derivation may take, not counting the start of the process."""
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def derive(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe of a config.json. Raises as `Derivations.recipe` does."""
        check_config(config)
        asked = request(config)
        if not installed():
            raise MissingExtraError
        try:
            process = self._process or self._started()
            return recipe_in(_exchanged(process, asked, self._seconds))
        except (EOFError, DerivationTimeError) as error:
            self.close()
            raise (too_much() if isinstance(error, EOFError) else error) from None

    def close(self) -> None:
        """End the process; another one is started where it is needed again."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _started(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter with this package
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _exchanged(self._process, b"", START_SECONDS)
        return self._process


def _exchanged(process: subprocess.Popen[bytes], sent: bytes, seconds: float) -> bytes:
    """What the process answers. Raises EOFError where it dies, DerivationTimeError where it takes longer and
    is killed.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    timer = Timer(seconds, process.kill)
    timer.start()
    try:
        process.stdin.write(sent)
        process.stdin.flush()
        (length,) = LENGTH.unpack(_exactly(process.stdout, LENGTH.size))
        return _exactly(process.stdout, length)
    except (EOFError, BrokenPipeError):
        if not timer.is_alive():
            raise DerivationTimeError(seconds) from None
        raise EOFError from None
    finally:
        timer.cancel()


def _exactly(source: IO[bytes], size: int) -> bytes:
    content = source.read(size)
    if len(content) < size:
        raise EOFError
    return content
