"""Suggestions for unknown names: synonyms, near names, and the valid ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from tensorseed.synonyms import synonyms_of

MAX_LISTED = 40  # names that a sentence lists in full
MAX_NEAREST = 10  # names that a sentence lists of more than these
MAX_COMPARED = 256  # names compared letter by letter
MAX_COMPARED_CHARS = 64  # of a name that may be a typo

CHOOSING_FIELDS = ("kind", "type", "name")  # of which an object has one to say which one it is

_NUMBER = re.compile(r"[0-9]+")
_SEPARATORS = re.compile(r"[\s._-]+")


def unknown_name(word: str, name: object, valid: Iterable[str]) -> str:
    """The sentence for a `name` that is not `valid`: its synonyms or the nearest name, and the valid ones.

    Of more than `MAX_LISTED` valid names it lists the number and the nearest.
    """
    text, choices = str(name).partition("(")[0], list(valid)  # a name may be written as a call
    near, guess = [], ""
    if len(text) <= MAX_COMPARED_CHARS:
        near = _nearest(text, choices)
        proposals = synonyms_of(word, text, choices) or near[:1]
        guess = f"did you mean {_alternatives(proposals)}? " if proposals else ""
    if len(choices) <= MAX_LISTED:
        return f"unknown {word}: {guess}valid are {', '.join(choices)}"
    listed = list(dict.fromkeys([*near, *choices[:MAX_NEAREST]]))[:MAX_NEAREST]
    return f"unknown {word}: {guess}there are {len(choices):,}, such as {', '.join(listed)}"


def no_choice(field: str, value: object, valid: Sequence[str]) -> str:
    """The sentence for the value of a field that has to be one of the `valid` words."""
    return f"{field} must be one of {', '.join(valid)}{meant(value, valid)}"


def meant(value: object, valid: Sequence[str]) -> str:
    """The end of a sentence with the `valid` words that a choice may stand for; empty where none is known."""
    proposals = synonyms_of("choice", value, valid) if isinstance(value, str) else []
    return f": did you mean {_alternatives(proposals)}?" if proposals else ""


def misnamed_choice(document: Mapping[str, object], field: str) -> tuple[str, str] | None:
    """The field in the place of `field`, kind or type, that says which one is meant, and the sentence.

    None where `field` is there, or none of its neighbours is a text.
    """
    if field in document:
        return None
    for other in CHOOSING_FIELDS:
        if isinstance(document.get(other), str):
            return other, f"{other} is called {field} here: write {field} in its place"
    return None


def _alternatives(names: list[str]) -> str:
    """The names as alternatives: a, b or c."""
    return " or ".join([*filter(None, [", ".join(names[:-1])]), names[-1]])


def _nearest(name: str, choices: list[str]) -> list[str]:
    """The names near to `name`, in any case, the nearest first."""
    spelled: dict[str, list[str]] = {}
    for choice in _comparable(name, choices):
        spelled.setdefault(choice.casefold(), []).append(choice)
    near = difflib.get_close_matches(name.casefold(), spelled, n=MAX_NEAREST)
    return [choice for letters in near for choice in spelled[letters]][:MAX_NEAREST]


def _comparable(name: str, choices: list[str]) -> list[str]:
    """The choices to compare: of many first those with the same letters and numbers, then with either."""
    if len(choices) <= MAX_COMPARED:
        return choices
    plain = _SEPARATORS.sub("", name).casefold()
    spelled = [choice for choice in choices if _SEPARATORS.sub("", choice).casefold() == plain]
    numbers, letters = _NUMBER.findall(name), _NUMBER.sub("", name)
    first = [choice for choice in choices if _NUMBER.findall(choice) == numbers]
    second = [choice for choice in choices if _NUMBER.sub("", choice) == letters]
    return [*spelled, *first, *second, *choices][:MAX_COMPARED]
