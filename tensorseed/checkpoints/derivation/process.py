"""Derivation of recipes in a child process, blocking or for an event loop.

Torch and transformers have switches that are one set for a process, and the threads of a server use them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import orjson

from tensorseed.checkpoints.derivation.configs import ConfigWarning
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.from_config import (
    Derivation,
    check_document,
    derivation_of,
    missing_library,
)
from tensorseed.concurrency.child_process import Answer, ChildProcess
from tensorseed.errors import Fault, SpecError, TooLargeError
from tensorseed.spec.json.text import dump, load

MAX_CONFIG_BYTES = 1 << 20
MEMORY_BYTES = 1 << 30  # beyond what the imports take

_TOO_MUCH_MEMORY = (
    "building the model took more memory than a derivation may: derive it with tensorseed recipe on a "
    "machine of your own"
)


class DerivationProcess:
    """Recipes from configs, one at a time, in a process that starts with the first.

    The process is killed where a derivation takes too long or its waiter is cancelled. A config runs no code
    of its own and reaches no network.
    """

    def __init__(self, seconds: float, memory_bytes: int = MEMORY_BYTES) -> None:
        """Each derivation may take `seconds` and `memory_bytes`, beyond what the process takes to start."""
        self._seconds = seconds
        self._child = ChildProcess(f"{__name__}:answer_configs", str(memory_bytes))
        self._turn = asyncio.Lock()

    def derive(self, config: Mapping[str, Any]) -> Derivation:
        """The recipe of a config, with warnings. Blocks.

        Raises:
            ConfigError: no recipe can be derived from the config.
            DerivationTimeError: the derivation takes too long.
            MissingExtraError: transformers is not installed.
            TooLargeError: the model is larger than a derivation builds.
        """
        return self._exchange(_message(config))

    async def derive_json(self, config: bytes) -> Derivation:
        """The recipe of the text of a config.json, with warnings. A cancelled call kills the process.

        Raises:
            ConfigError: no recipe can be derived from the config.
            DerivationTimeError: the derivation takes too long.
            MissingExtraError: transformers is not installed.
            TooLargeError: the model is larger than a derivation builds.
        """
        message = await asyncio.to_thread(lambda: _message(_parsed(config)))
        async with self._turn:
            try:
                return await asyncio.to_thread(self._exchange, message)
            except asyncio.CancelledError:
                await asyncio.to_thread(self._child.kill)  # which waits for the process to be gone
                raise

    def close(self) -> None:
        """End the process. A derivation under way fails with ConfigError."""
        self._child.kill()

    def _exchange(self, message: bytes) -> Derivation:
        try:
            answer = orjson.loads(self._child.request(message, self._seconds))
        except TimeoutError:
            raise DerivationTimeError(self._seconds) from None
        except EOFError:
            raise ConfigError.at("", _TOO_MUCH_MEMORY) from None
        if "too_large" in answer:
            raise TooLargeError(answer["too_large"])
        if "faults" in answer:
            raise ConfigError([Fault(*fault) for fault in answer["faults"]])
        return Derivation(answer["recipe"], [ConfigWarning(*warning) for warning in answer["warnings"]])


def _parsed(config: bytes) -> Any:
    if len(config) > MAX_CONFIG_BYTES:
        detail = f"a config has at most {MAX_CONFIG_BYTES:,} bytes: leave out what is no config"
        raise ConfigError.at("", detail)
    try:
        return load(config)
    except SpecError as error:
        raise ConfigError(error.faults) from None


def _message(config: Any) -> bytes:
    """The message of a config, checked as far as can be without transformers."""
    check_document(config)
    try:
        dump({"recipe": {"config": config}})  # the answer nests the config deeper than the message
        message = dump(config)
    except SpecError as error:
        raise ConfigError(error.faults) from None
    if missing := missing_library(config):
        raise MissingExtraError(missing)
    return message


def answer_configs(memory_bytes: str) -> Answer:
    """The child's side: import what every derivation needs, and bound the memory of what follows."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    import torch

    import tensorseed.checkpoints.derivation.recipe_from_model  # noqa: F401

    torch.set_num_threads(1)
    try:
        import resource

        with open("/proc/self/statm") as sizes:
            taken = int(sizes.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + int(memory_bytes),) * 2)
    except (ImportError, OSError, ValueError):  # a system without them
        pass
    return lambda config: orjson.dumps(_answer(config))


def _answer(config: bytes) -> Mapping[str, Any]:
    try:
        recipe, warnings = derivation_of(orjson.loads(config))
        return {"recipe": recipe, "warnings": [[*warning] for warning in warnings]}
    except SpecError as error:
        return {"faults": [(fault.pointer, fault.detail) for fault in error.faults]}
    except TooLargeError as error:
        return {"too_large": str(error)}
    except MemoryError:
        return {"faults": [("", _TOO_MUCH_MEMORY)]}
