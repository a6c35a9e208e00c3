"""SPEC of a command: a file, a query, a token, a recipe or a URL."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

import click

from tensorseed.client import begins_as_url
from tensorseed.client.errors import RefusedError
from tensorseed.client.source import Source, read_source
from tensorseed.devices.local import LIMITS
from tensorseed.errors import SpecError, TensorseedError
from tensorseed.spec.json.values import to_json
from tensorseed.spec.query import DEFAULT_NAME, document
from tensorseed.spec.spec import parse_query
from tensorseed.spec.spec_token import TOKEN
from tensorseed.weights.spec_reading import SpecSource, kind_of

MAX_NAME_CHARS = 100

_NAMELESS = "weights.safetensors"
_QUERY = re.compile(r"\??[A-Za-z_]+=")
_RECIPE = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+){0,2}(@.*)?")
_UNSAFE = re.compile(r"[^\w.-]+")


class SpecArgument(NamedTuple):
    """A spec, as the client takes it, and the name of its file."""

    source: Source
    file_name: str

    @property
    def spec(self) -> SpecSource:
        """The spec, as `tensorseed.open` takes it."""
        source = self.source
        if source.spec is not None:
            return source.spec.decode(errors="surrogateescape")
        return source.token or source.recipe or f"{source.base}{source.path}"


def read_argument(text: str) -> SpecArgument:
    """Interpret SPEC.

    Raises:
        click.UsageError: it is a URL, and neither of a file nor of a repository.
        RefusedError: it is a query that is not valid, or the spec is too long.
        DiskError: the file cannot be read.
    """
    if text == "-":
        return SpecArgument(read_source(text), _NAMELESS)
    if begins_as_url(text):
        try:
            source = read_source(text)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return SpecArgument(source, _name_of_url(source))
    if _QUERY.match(text) and not os.path.exists(text):
        params = _params(text)
        return SpecArgument(Source(spec=_query(params)), _named(params.get("name", DEFAULT_NAME)))
    match kind_of(text):
        case "token":
            return SpecArgument(Source(token=text), _NAMELESS)
        case "json":
            return SpecArgument(Source(spec=text.encode(errors="surrogateescape")), _NAMELESS)
        case "recipe" if _RECIPE.fullmatch(text) and not os.path.exists(text):
            return SpecArgument(Source(recipe=text), _named(text.partition("/")[2] or text))
    return SpecArgument(read_source(text), _named(Path(text).stem))


def _params(text: str) -> Mapping[str, str]:
    """The parameters of a query.

    Raises:
        RefusedError: one is there twice.
    """
    pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True, errors="surrogateescape")
    params = dict(pairs)
    if len(params) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RefusedError(f"{twice} is there twice: give it once")
    return params


def _query(params: Mapping[str, str]) -> bytes:
    """The spec of a query, whose faults name its parameters.

    Raises:
        RefusedError: the query is not valid.
    """
    try:
        parse_query(params, LIMITS)
    except SpecError as error:
        raise RefusedError.of(f"the query has {len(error.faults)} faults", error.faults) from None
    except TensorseedError:  # of this host alone, perhaps
        pass
    return to_json(document(params))


def _name_of_url(source: Source) -> str:
    """The name of the file that a URL leads to."""
    if source.recipe is not None:
        return _named(source.recipe.partition("/")[2] or source.recipe)
    path, _, query = (source.path or "").partition("?")
    last = unquote(path.rpartition("/")[2])
    if source.of_repository:
        return _safe(last)
    if last == "weights":
        return _named(dict(parse_qsl(query)).get("name", DEFAULT_NAME))
    return _NAMELESS if TOKEN.fullmatch(last) else _named(last)


def _named(stem: str) -> str:
    return f"{_safe(stem)}.safetensors"


def _safe(name: str) -> str:
    """A name without separators and marks that begin options or hidden files."""
    return _UNSAFE.sub("-", name)[:MAX_NAME_CHARS].strip("._-") or "weights"
