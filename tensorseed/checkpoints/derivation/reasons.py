"""Reasons why transformers builds no model, in its own words."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers import PreTrainedConfig

from tensorseed.checkpoints.derivation.configs import library_of, members
from tensorseed.checkpoints.derivation.errors import ConfigError
from tensorseed.errors import Fault, shortened
from tensorseed.spec.json.pointers import MAX_FAULTS, Path, pointer

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
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?![\w.])")
_SIZE = re.compile(r"(?:^|_)(?:size|dim|heads?|width|channels|embd|d_model|d_kv|d_ff)$")
_SIGN = re.compile(r"\b(?:negative|positive|zero)\b")
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
                name = _name(path)
                detail = f"{shortened(name)} has a value that transformers does not know: {shortened(value)}"
                return ConfigError.at(pointer(path), detail)
    reason = _reason(error)
    named = _first_field(config, reason or "")
    if small := _too_small(config, error):
        return ConfigError(small[:MAX_FAULTS])
    if reason is None and (missing := _without_value(error)):
        return ConfigError([_needed(config, name) for name in missing])
    detail = f"{library_of(config)} cannot build this model: {_MISFIT if reason is None else reason}"
    return ConfigError.at(pointer(named), detail)


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
    """The first member of the config that a reason names.

    Elsewhere it is one whose number the reason repeats, with words of its name. Of a width and heads that do
    not divide it, that is the number of heads.
    """
    words = _WORD.findall(reason)
    for word in words:
        if "_" in word and word in config:
            return (word,)
    numbers, stems = {int(text) for text in _NUMBER.findall(reason)}, _stems(words)
    ranked = [
        (_shared(path, stems), path)
        for path, value in members(config)
        if type(value) is int and value in numbers
    ]
    (_, best), path = max(ranked, key=lambda pair: pair[0], default=((False, 0), ()))
    return path if best else ()


def _shared(path: Path, stems: set[str]) -> tuple[bool, int]:
    """Whether a member is a number of heads that words speak of, and how many words its name shares."""
    shared = _stems([_name(path)]) & stems
    return "head" in shared, len(shared)


def _stems(names: Iterable[str]) -> set[str]:
    """The words of names, in the singular."""
    return {part.lower().removesuffix("s") for name in names for part in name.split("_")}


def _name(path: Path) -> str:
    """The name of the member at a path, or of the list that holds it."""
    return next(part for part in reversed(path) if isinstance(part, str))


def _too_small(config: Mapping[str, Any], error: Exception) -> list[Fault]:
    """The faults of the members below 1 that an error speaks of.

    It repeats the number, or divides by zero, or wants a positive one. Other members below 1 may be right.
    """
    text = str(error)
    numbers = {int(number) for number in _NUMBER.findall(text)}
    small = [(path, value) for path, value in members(config) if type(value) is int and value < 1]
    sizes = [(path, value) for path, value in small if _SIZE.search(_name(path))]
    found = [each for each in sizes if each[1] < 0 and each[1] in numbers]
    found = found or [each for each in small if each[1] < 0 and each[1] in numbers]
    if isinstance(error, ZeroDivisionError):
        found = found or [each for each in sizes if each[1] == 0]
    if isinstance(error, ZeroDivisionError) or _SIGN.search(text):
        found = found or sizes
    return [
        Fault(pointer(path), f"{shortened(_name(path))} is {value}: give at least 1") for path, value in found
    ]


def _needed(config: Mapping[str, Any], name: str) -> Fault:
    kind = config.get("model_type")
    return Fault(pointer((name,)), f"{name} is needed: the class of {kind} has no default that it can use")


def _without_value(error: Exception) -> list[str]:
    """The fields of the config without a value that the innermost line of a model read as it failed.

    Those that are sizes come before others, which may stay without.
    """
    if not isinstance(error, AttributeError | TypeError) or not _is_theirs(error.__traceback__):
        return []
    frames = [*walk_tb(error.__traceback__)]
    for place in reversed(range(len(frames))):
        frame, number = frames[place]
        path = frame.f_code.co_filename
        config = next(_configs(each for each, _ in reversed(frames[: place + 1])), None)
        if config is None or not {"transformers", "models"} <= {*PurePath(path).parts}:
            continue
        names = dict.fromkeys(_WORD.findall(linecache.getline(path, number)))
        fields = vars(config)
        found = [name for name in names if name in fields and fields[name] is None]
        if found:
            return [name for name in found if _SIZE.search(name)] or found
    return []


def _configs(frames: Iterable[FrameType]) -> Iterator[PreTrainedConfig]:
    """The configs that functions have as they fail, the innermost first."""
    for frame in frames:
        own = frame.f_locals.get("self")
        for found in (frame.f_locals.get("config"), own, getattr(own, "config", None)):
            if isinstance(found, PreTrainedConfig):
                yield found
