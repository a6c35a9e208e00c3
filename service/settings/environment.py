"""Settings of the environment, and the words for their bounds and faults."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tensorseed.client import VARIABLES

from . import PREFIX, Settings

_KUBERNETES = re.compile(rf"{PREFIX}(SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)")  # variables of a Service


class SettingsError(ValueError):
    """Settings that have no valid value. The message names each."""


def read_environment(**overrides: object) -> Settings:
    """The settings of the environment, overridden by those that are not None.

    Raises:
        SettingsError: variables or options have no valid value.
    """
    if sys.flags.optimize > 1:
        raise SettingsError(
            "python -OO or PYTHONOPTIMIZE=2 removes the docstrings of the catalogue: use -O at most"
        )
    given = {name: value for name, value in overrides.items() if value is not None}
    unknown = [_unknown(name) for name in sorted(os.environ) if _is_unknown(name)]
    if unknown:
        raise SettingsError("; ".join(unknown))
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [_message(dict(fault), given) for fault in error.errors()]
        raise SettingsError("; ".join(faults)) from None


def bounds(field: FieldInfo) -> str:
    """The valid values of a setting, in words; empty for any."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(str, get_args(field.annotation)))
    if field.annotation is bool:
        return "true or false"
    words: Mapping[type, tuple[str, str]] = {
        annotated_types.Ge: ("ge", "at least"),
        annotated_types.Gt: ("gt", "more than"),
        annotated_types.Le: ("le", "at most"),
    }
    bounded = [
        f"{words[type(part)][1]} {getattr(part, words[type(part)][0]):,}"
        for part in field.metadata
        if type(part) in words
    ]
    return ", ".join(bounded)


def default(field: FieldInfo) -> str:
    """The default of a setting as text."""
    return "" if field.default is None else str(field.default)


def _is_unknown(variable: str) -> bool:
    name = variable.upper()  # settings are read in any case
    if not name.startswith(PREFIX) or name in VARIABLES:
        return False
    return name.removeprefix(PREFIX).lower() not in Settings.model_fields


def _unknown(variable: str) -> str:
    if _KUBERNETES.fullmatch(variable):
        remedy = "Kubernetes sets it for a Service of that name: set enableServiceLinks to false in the pod"
        return f"{variable} is no setting: {remedy}"
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    near = difflib.get_close_matches(variable.upper(), names, n=3)
    remedy = f"did you mean {' or '.join(near)}?" if near else "tensorseed settings lists all settings"
    return f"{variable} is no setting: {remedy}"


def _message(fault: Mapping[str, Any], given: Mapping[str, object]) -> str:
    """A fault of one setting, in the words of the command line."""
    message = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return str(message)
    name = str(fault["loc"][0])
    origin = f"--{name.replace('_', '-')}" if name in given else f"{PREFIX}{name.upper()}"
    if fault["type"] == "value_error":
        return f"{origin}: {message}"
    wanted = bounds(Settings.model_fields[name])
    annotation: object = Settings.model_fields[name].annotation
    kind = "a whole number" if annotation is int else "a number" if annotation is float else ""
    return f"{origin}={fault['input']} must be {', '.join(filter(None, (kind, wanted)))}"
