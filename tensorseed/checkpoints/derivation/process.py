"""Derivation of recipes in a child process, blocking or for an event loop.

Torch and transformers have switches that are one set for a process, and the threads of a server use them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from tensorseed.checkpoints.derivation.adapters.documents import BaseOf, with_base
from tensorseed.checkpoints.derivation.configs import ConfigWarning
from tensorseed.checkpoints.derivation.errors import ConfigError, DerivationTimeError, MissingExtraError
from tensorseed.checkpoints.derivation.from_config import (
    Derivation,
    check_document,
    check_tiny,
    checked,
    derivation_of,
    missing_library,
)
from tensorseed.concurrency.child_process import Answer, ChildProcess
from tensorseed.errors import Fault, SpecError, TooLargeError
from tensorseed.spec.json.pointers import MAX_FAULTS, pointer
from tensorseed.spec.json.text import dump, load
from tensorseed.suggestions import unknown_name

MAX_CONFIG_BYTES = 1 << 20
MEMORY_BYTES = 1 << 30  # beyond what the imports take

_TOO_MUCH_MEMORY = (
    "building the model took more memory than a derivation may: derive it with tensorseed recipe on a "
    "machine of your own"
)

_MEMBERS = ("config", "overrides", "tiny")


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
        return self._exchange(_message(_Request(config, {}, False, "")))

    async def derive_json(self, config: bytes, base_of: BaseOf = lambda _: None) -> Derivation:
        """The recipe of the text of a config.json, or of one of `config`, `overrides` and `tiny`.

        It comes with warnings. A cancelled call kills the process.

        `base_of` finds the bases of adapters.

        Raises:
            ConfigError: no recipe can be derived from the config.
            DerivationTimeError: the derivation takes too long.
            MissingExtraError: transformers is not installed.
            TooLargeError: the model is larger than a derivation builds.
        """
        request = await asyncio.to_thread(_parsed, config)
        with _config_at(request.at):
            request = request._replace(config=with_base(request.config, base_of))
        message = await asyncio.to_thread(_message, request)
        async with self._turn:
            try:
                with _config_at(request.at):
                    recipe, warnings = await asyncio.to_thread(self._exchange, message)
                moved = [one._replace(pointer=f"{request.at}{one.pointer}") for one in warnings]
                return Derivation(recipe, moved)
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


class _Request(NamedTuple):
    """A config, inits by pattern, whether to shrink, and the pointer to the config in what was sent."""

    config: Any
    overrides: Any
    tiny: Any
    at: str


def _parsed(text: bytes) -> _Request:
    """The request of a text: a config, or an object of `config`, `overrides` and `tiny`.

    Raises:
        ConfigError: the text is neither.
    """
    if len(text) > MAX_CONFIG_BYTES:
        detail = f"a config has at most {MAX_CONFIG_BYTES:,} bytes: leave out what is no config"
        raise ConfigError.at("", detail)
    try:
        document = load(text)
    except SpecError as error:
        raise ConfigError(error.faults) from None
    own = ("model_type", "_class_name", "components")
    if not isinstance(document, dict) or "config" not in document or any(name in document for name in own):
        return _Request(document, {}, False, "")
    faults = [
        Fault(pointer((name,)), unknown_name("member", name, _MEMBERS))
        for name in document
        if name not in _MEMBERS
    ]
    if faults:
        raise ConfigError(faults[:MAX_FAULTS])
    return _Request(document["config"], document.get("overrides", {}), document.get("tiny", False), "/config")


def _message(request: _Request) -> bytes:
    """The message of a request, checked as far as can be without transformers."""
    with _config_at(request.at):
        check_document(request.config)
    checked(request.overrides, request.config)
    check_tiny(request.tiny, request.config)
    try:
        dump({"recipe": {"config": request.config}})  # the answer nests the config deeper than the message
        message = dump({"config": request.config, "overrides": request.overrides, "tiny": request.tiny})
    except SpecError as error:
        raise ConfigError(error.faults) from None
    if missing := missing_library(request.config):
        raise MissingExtraError(missing)
    return message


@contextmanager
def _config_at(at: str) -> Iterator[None]:
    """Let faults of a config point into the document that holds it."""
    try:
        yield
    except ConfigError as error:
        found = [
            fault
            if fault.pointer.split("/")[1:2] in (["overrides"], ["tiny"])
            else Fault(f"{at}{fault.pointer}", fault.detail)
            for fault in error.faults
        ]
        raise ConfigError(found) from None


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
    return lambda message: orjson.dumps(_answer(message))


def _answer(message: bytes) -> Mapping[str, Any]:
    try:
        request = orjson.loads(message)
        recipe, warnings = derivation_of(request["config"], None, request["overrides"], tiny=request["tiny"])
        return {"recipe": recipe, "warnings": [[*warning] for warning in warnings]}
    except SpecError as error:
        return {"faults": [(fault.pointer, fault.detail) for fault in error.faults]}
    except TooLargeError as error:
        return {"too_large": str(error)}
    except MemoryError:
        return {"faults": [("", _TOO_MUCH_MEMORY)]}
