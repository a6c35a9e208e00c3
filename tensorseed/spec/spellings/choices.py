"""Words of a choice, such as fan_out or relu, in any spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from tensorseed.spec.spellings.nested import nested_model

MAX_CHARS = 64  # of a word that may be another spelling

_MODULES = re.compile(r"(torch\.)?(nn\.)?(functional\.|f\.)?")
_SEPARATORS = re.compile(r"[\s_-]+")
_OTHERWISE = ("kind", "type", "dtype", "generator")  # fields whose words have spellings of their own


def respell_choices(document: Any, model: type[BaseModel]) -> Any:
    """The object with the canonical word of every field of `model` that is a choice of words.

    A word counts in any case, with or without separators and the module of torch.nn that it names. The
    modules that fields of the model hold have canonical words too. Anything else stays as it is.

    >>> from tensorseed.spec.schemes import SCHEMES
    >>> respell_choices({"mode": "FAN_OUT", "nonlinearity": "nn.LeakyReLU"}, SCHEMES["kaiming_normal"])
    {'mode': 'fan_out', 'nonlinearity': 'leaky_relu'}
    """
    if not isinstance(document, dict):
        return document
    changed = {}
    for name, words in _choices(model).items():
        given = document.get(name)
        if isinstance(given, str) and len(given) <= MAX_CHARS and given not in words.values():
            changed[name] = words.get(_compact(given), given)
    for name, given in document.items():
        inner = nested_model(model, name, given)
        if inner is not None and (found := respell_choices(given, inner)) is not given:
            changed[name] = found
    changed = {name: value for name, value in changed.items() if value is not document[name]}
    return {**document, **changed} if changed else document


@cache
def _choices(model: type[BaseModel]) -> Mapping[str, Mapping[str, str]]:
    """By field the words of its choice, by what is left of them without case and separators."""
    found = {}
    for name, field in model.model_fields.items():
        words = [word for word in _literals(field.annotation) if isinstance(word, str)]
        if words and name not in _OTHERWISE:
            found[field.alias or name] = {_compact(word): word for word in words}
    return found


def _literals(annotation: Any) -> Iterator[object]:
    """The values of the literals in an annotation."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
        return
    for part in get_args(annotation):
        yield from _literals(part)


def _compact(word: str) -> str:
    return _SEPARATORS.sub("", _MODULES.sub("", word.strip().casefold(), count=1))
