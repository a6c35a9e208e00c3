"""The process that derives recipes beside a server: one config after another, from standard input.

A message is its length in four bytes, the greatest first, and JSON. The first to the parent says that the
imports are done. When the parent is gone, so is this process, whatever it is doing.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

import orjson

from tensorseed.checkpoints.derivation.deriving import derive
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, SpecError
from tensorseed.spec.json_io import dump

READY = b"{}"
MOST_MEMORY = 4 << 30  # bytes, beyond what the imports take
LENGTH = struct.Struct(">I")
START_SECONDS = 300.0  # for the imports, on however busy a machine

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tensorseed.checkpoints.derivation.process import main; main()"
)
_TOO_MUCH = (
    "building the model took more memory than a derivation may: derive it with tensorseed recipe on a "
    "machine of your own"
)


def command() -> list[str]:
    """The command line that starts the process."""
    return [sys.executable, "-c", _START, json.dumps(sys.path)]


def request(config: Any) -> bytes:
    """What asks for the recipe of a config. Raises ConfigError for one that is nested so deeply that the
    answer, which holds it, could not be written.
    """
    try:
        dump({"recipe": {"config": config}})
        return _message(dump(config))
    except SpecError as error:
        raise ConfigError(error.faults) from None


def _message(content: bytes) -> bytes:
    """The content as the two sides send it."""
    return LENGTH.pack(len(content)) + content


def recipe_in(answer: bytes) -> dict[str, Any]:
    """The recipe of an answer. Raises ConfigError where it has faults instead."""
    document = orjson.loads(answer)
    if "faults" in document:
        raise ConfigError([Fault(*fault) for fault in document["faults"]])
    recipe: dict[str, Any] = document["recipe"]
    return recipe


def too_much() -> ConfigError:
    """The error of a model that the process has died of, or nearly so."""
    return ConfigError.at("", _TOO_MUCH)


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    configs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, configs), daemon=True).start()
    _prepare()
    _send(answers, READY)
    while True:
        _send(answers, orjson.dumps(_answer(configs.get())))


def _listen(source: BinaryIO, configs: queue.SimpleQueue[bytes]) -> None:
    """Pass on what comes; end the process with its input."""
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        configs.put(source.read(LENGTH.unpack(head)[0]))
    os._exit(0)


def _send(target: BinaryIO, content: bytes) -> None:
    target.write(_message(content))
    target.flush()


def _prepare() -> None:
    """Import what every derivation needs, and bound the memory of what follows."""
    import torch

    import tensorseed.checkpoints.derivation.recipe_from_model  # noqa: F401

    torch.set_num_threads(1)
    try:
        import resource

        with open("/proc/self/statm") as sizes:
            taken = int(sizes.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY,) * 2)
    except (ImportError, OSError, ValueError):  # a system without them
        pass


def _answer(config: bytes) -> Mapping[str, Any]:
    try:
        return {"recipe": derive(orjson.loads(config))}
    except SpecError as error:
        return {"faults": [(fault.pointer, fault.detail) for fault in error.faults]}
    except MemoryError:
        return {"faults": [("", _TOO_MUCH)]}
