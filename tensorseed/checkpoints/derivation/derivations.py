"""Deriving recipes beside a server: in one other process, which can be stopped."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Any

from tensorseed.checkpoints.derivation.configs import check_config, installed
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.process import (
    LENGTH,
    START_SECONDS,
    command,
    recipe_in,
    request,
    too_much,
)
from tensorseed.errors import SpecError
from tensorseed.spec.json_io import load

MOST_BYTES = 1 << 20  # of a config


class Derivations:
    """Recipes from configs, one at a time, in a process that starts with the first and is kept for the next.

    It is killed, and another one started when needed, where a derivation takes too long or nobody waits for
    it any more. A config runs no code of its own and reaches no network.
    """

    def __init__(self, seconds: float) -> None:
        """`seconds` is the most that one derivation may take, not counting the start of the process."""
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._process: Process | None = None

    async def recipe(self, config: bytes) -> dict[str, Any]:
        """The recipe of a config.json.

        Raises ConfigError for one that no recipe can be derived from, DerivationTimeError for one that takes
        too long, MissingExtraError without transformers.
        """
        asked = _request(config)
        async with self._turn:
            try:
                answer = await self._derived(asked)
            except BaseException:
                await self._kill()
                raise
        return recipe_in(answer)

    async def close(self) -> None:
        """End the process. Derivations under way end with an error."""
        await self._kill()

    async def _derived(self, asked: bytes) -> bytes:
        try:
            if self._process is None or self._process.returncode is not None:
                await self._start()
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write(asked)
            async with asyncio.timeout(self._seconds):
                return await self._answer()
        except TimeoutError:
            raise DerivationTimeError(self._seconds) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise too_much() from None

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *command(), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
        )
        async with asyncio.timeout(START_SECONDS):
            await self._answer()

    async def _answer(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        (length,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        return await self._process.stdout.readexactly(length)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _request(config: bytes) -> bytes:
    """What asks for the recipe of a config, which is checked as far as can be without transformers."""
    if len(config) > MOST_BYTES:
        raise ConfigError.at("", f"a config has at most {MOST_BYTES:,} bytes: leave out what is no config")
    try:
        document = load(config)
    except SpecError as error:
        raise ConfigError(error.faults) from None
    check_config(document)
    asked = request(document)
    if not installed():
        raise MissingExtraError
    return asked
