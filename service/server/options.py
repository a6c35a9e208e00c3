"""From the environment and the command line to settings, and what to say where that fails."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import annotated_types
import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ..settings import PREFIX, Settings

_CLUSTER = re.compile(rf"{PREFIX}(SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)")  # what Kubernetes sets for a Service

KEY_VARIABLE = f"{PREFIX}KEY"  # the client's API key, which is no setting of the service


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, with what the command line gives put first.

    Raises click.UsageError, naming each variable or option at fault.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    unknown = [_unknown(name) for name in sorted(os.environ) if _is_unknown(name)]
    if unknown:
        raise click.UsageError("; ".join(unknown))
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [_told(dict(fault), given) for fault in error.errors()]
        raise click.UsageError("; ".join(faults)) from None


def every_setting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every setting, in the order of the settings."""
    for name, field in reversed(Settings.model_fields.items()):
        command = _option(name, field)(command)
    return command


def bounds(field: FieldInfo) -> str:
    """The values that a setting may have, in words; empty for any."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(str, get_args(field.annotation)))
    if field.annotation is bool:
        return "true or false"
    words: Mapping[type, tuple[str, str]] = {
        annotated_types.Ge: ("ge", "at least"),
        annotated_types.Gt: ("gt", "more than"),
        annotated_types.Le: ("le", "at most"),
    }
    found = [
        f"{words[type(part)][1]} {getattr(part, words[type(part)][0]):,}"
        for part in field.metadata
        if type(part) in words
    ]
    return ", ".join(found)


def default(field: FieldInfo) -> str:
    """The default of a setting as it would be written."""
    return "" if field.default is None else str(field.default)


def _option(name: str, field: FieldInfo) -> Callable[[Callable[..., None]], Callable[..., None]]:
    told = f"{field.description}  [{bounds(field) or 'text'}; default: {default(field) or 'empty'}]"
    flag = f"--{name.replace('_', '-')}"
    if field.annotation is bool:
        return click.option(f"{flag}/--no-{name.replace('_', '-')}", name, default=None, help=told)
    return click.option(flag, name, metavar="VALUE", help=told)


def _is_unknown(variable: str) -> bool:
    name = variable.upper()  # settings are read in any case
    if not name.startswith(PREFIX) or name == KEY_VARIABLE:
        return False
    return name.removeprefix(PREFIX).lower() not in Settings.model_fields


def _unknown(variable: str) -> str:
    if _CLUSTER.fullmatch(variable):
        remedy = "Kubernetes sets it for a Service of that name: set enableServiceLinks to false in the pod"
        return f"{variable} is no setting: {remedy}"
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    near = difflib.get_close_matches(variable.upper(), names, n=3)
    remedy = f"did you mean {' or '.join(near)}?" if near else "tensorseed settings lists those there are"
    return f"{variable} is no setting: {remedy}"


def _told(fault: Mapping[str, Any], given: Mapping[str, object]) -> str:
    """A fault of one setting, in words of this command line."""
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
