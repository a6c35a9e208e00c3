"""Reasons why transformers builds no model, in its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Any

from huggingface_hub.errors import StrictDataclassFieldValidationError

from tensorseed.checkpoints.derivation.configs import library_of, members
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import shortened
from tensorseed.spec.json.pointers import Path, pointer

MAX_REASON_CHARS = 300

_MISFIT = "the fields of the config do not fit each other, or one that it needs is missing"
_AUTHORS = {
    "diffusers",
    "transformers",
    "torch",
    "huggingface_hub",
}  # whose sentences name no file of this machine
_SPOKEN = (ValueError, AssertionError, NotImplementedError, RuntimeError)
_FIELDS = {"padding_idx": "pad_token_id", "num_embeddings": "vocab_size"}  # torch's arguments, as in configs

_EXCEPTION = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception): *")
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z`'\"])")
_PATHS = r"://|(?:^|[\s'\"(=])(?:~|\.{1,2})?/\w|\w:\\|\.py\b"
_INTERNAL = re.compile(rf"{_PATHS}|0x[0-9a-f]{{4}}|<[\w. ]+[ >]|\bself\b|__")
_FIELD = re.compile(r"field '(\w+)'")
_WORD = re.compile(r"\w+")
_INSTALLATION = re.compile(r"pip3? install (?:-U |--upgrade )?([A-Za-z][\w.-]*(?:\[[\w,-]+\])?)")
_LIBRARY = re.compile(r"requires the (\S+) library")


def unbuildable(config: Mapping[str, Any], error: Exception) -> ConfigError:
    """The error of a config that transformers builds no model of, with the reason that it gives.

    The reason is a sentence that transformers or torch has written. It holds no path and nothing of Python.
    """
    if isinstance(error, StrictDataclassFieldValidationError):
        return _bad_value(config, error)
    if isinstance(error, KeyError) and _is_theirs(error.__traceback__):
        for path, value in members(config):
            if isinstance(value, str) and error.args == (value,):
                name = next(part for part in reversed(path) if isinstance(part, str))
                detail = f"{shortened(name)} has a value that transformers does not know: {shortened(value)}"
                return ConfigError.at(pointer(path), detail)
    reason = _reason(error)
    if reason is None:
        return ConfigError.at("", f"{library_of(config)} cannot build this model: {_MISFIT}")
    detail = f"{library_of(config)} cannot build this model: {reason}"
    return ConfigError.at(pointer(_first_field(config, reason)), detail)


def missing_package(kind: str, error: BaseException, config: Any = None) -> ConfigError:
    """The error of a model type that needs a package that is not installed, with its name and the remedy."""
    command, library = _INSTALLATION.search(str(error)), _LIBRARY.search(str(error))
    name = command[1] if command else library[1] if library else getattr(error, "name", None)
    if not name:
        detail = f"transformers builds {kind} only with packages that are not installed here"
        return ConfigError.at("/model_type", f"{detail}: choose another model type")
    if name == "timm" and getattr(config, "backbone_config", None) is not None:
        detail = f"the backbone of {kind} is one of timm, which is not installed here, unless the config says"
        remedy = 'give backbone_config, such as {"model_type": "resnet"}'
        return ConfigError.at("/backbone_config", f"{detail} otherwise: {remedy}")
    detail = f"transformers builds {kind} only with the package {name}, which is not installed here"
    remedy = f"pip install {name}" if command else f"install {name}"
    return ConfigError.at("/model_type", f"{detail}: {remedy}")


def _bad_value(config: Mapping[str, Any], error: StrictDataclassFieldValidationError) -> ConfigError:
    """The error of a value that a field does not take. Of transformers' message it repeats only the field."""
    found = _FIELD.search(str(error))
    if found is None:
        return ConfigError.at("", f"transformers cannot build this model: {_MISFIT}")
    name, kind = found[1], config["model_type"]
    detail = f"{name} has a value that transformers does not take for a {kind}: give another one"
    at = (name,) if name in config else ()  # it may be nested, or have another name there
    return ConfigError.at(pointer(at), detail)


def _reason(error: Exception) -> str | None:
    """The last line of a message, cleaned; None where it is not for people who write a config."""
    strict = type(error).__name__ == "StrictDataclassClassValidationError"
    if not (strict or isinstance(error, _SPOKEN)) or not _is_theirs(error.__traceback__):
        return None
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return None
    line = _EXCEPTION.sub("", " ".join(lines[-1].split()))
    sentences = [sentence for sentence in _SENTENCES.split(line) if not _INTERNAL.search(sentence)]
    text = _WORD.sub(lambda word: _FIELDS.get(word[0].lower(), word[0]), " ".join(sentences)).rstrip(".! ")
    if not text.isprintable() or " " not in text:
        return None
    return text if len(text) <= MAX_REASON_CHARS else f"{text[:MAX_REASON_CHARS].rsplit(' ', 1)[0]} …"


def _is_theirs(trace: TracebackType | None) -> bool:
    """Whether an error was raised in transformers, or in a package that it checks its configs with."""
    last = None
    for frame, _ in walk_tb(trace):
        last = frame
    return last is not None and not _AUTHORS.isdisjoint(PurePath(last.f_code.co_filename).parts)


def _first_field(config: Mapping[str, Any], reason: str) -> Path:
    """The first member of the config that a reason names."""
    named = [word for word in _WORD.findall(reason) if "_" in word and word in config]
    return (named[0],) if named else ()
