"""Source of a file to fetch: a spec, a token, a recipe, or a URL."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from io import UnsupportedOperation
from pathlib import Path
from urllib.parse import unquote

from tensorseed.client import begins_as_url
from tensorseed.client.errors import RefusedError, unreadable
from tensorseed.client.http.arguments import is_url
from tensorseed.files.output import Inputs
from tensorseed.spec.spec_token import TOKEN

MAX_INPUT_BYTES = 1 << 30  # of a spec or a config: the largest body that a server may be set to accept

_URL = re.compile(
    r"((?i:https?)://[^\s?#]*?)(/v1/weights(?:/(?!(?:plan|digest)(?:[/?]|$))|\?)[^\s#]+)"
)  # a plan and digests of a spec have no URL of their own
_MARKS = r"(?:resolve|raw|blob|tree)"
_PART = rf"(?!{_MARKS}(?:/|$))[^\s/?#]+"
_ID = rf"(?:{_PART}/)?{_PART}"  # an alias has no owner
_SERVER = rf"((?i:https?)://[^\s/?#]+(?:/{_PART})*?)"
_INTERFACE = re.compile(r"[^/]+://[^/]+(?:/.*)?/(?:v1|api)/.*")
_HUB_FILE = re.compile(rf"{_SERVER}/({_ID})/(?:resolve|raw|blob)/([^\s/?#]+/[^\s?#]+)(?:\?download=true)?")
_REPOSITORY = re.compile(rf"{_SERVER}/({_ID})(?:/tree/([^\s/?#]+)(?:/([^\s/?#]+))?)?/?")


@dataclass(frozen=True, slots=True)
class Source:
    """One of: the JSON text of a spec, a token, the path of a file at the server `base`, or a recipe's id.

    An id may have a base as well, which is the server to ask. `inputs` are the files that it was read from.
    """

    spec: bytes | None = None
    token: str | None = None
    path: str | None = None
    base: str | None = None
    recipe: str | None = None
    inputs: Inputs = field(default=(), compare=False)

    @property
    def of_repository(self) -> bool:
        """Whether it is a file of a model repository, whose entity tag is an object id."""
        return self.path is not None and not self.path.startswith("/v1/")

    @property
    def is_text(self) -> bool:
        """Whether it is a file of a model repository that holds no weights."""
        return self.of_repository and not (self.path or "").endswith(".safetensors")

    @property
    def given_token(self) -> str | None:
        """The token that was given, by itself or in the URL; None of a URL in another dtype."""
        path, _, query = (self.path or "").partition("?")
        if any(part.startswith("dtype=") for part in query.split("&")):
            return None
        found = TOKEN.match(self.token or path.removeprefix("/v1/weights/"))
        return found and found[0]


def read_source(text: str) -> Source:
    """Interpret the argument of `fetch`; `-` is a spec on standard input.

    Raises:
        ValueError: it is a URL, and not of a file.
        RefusedError: the spec is too long.
        DiskError: the spec cannot be read.
    """
    if begins_as_url(text):
        return _source_of_url(text)
    if TOKEN.fullmatch(text):
        return Source(token=text)
    spec, inputs = read_input(text)
    return Source(spec=spec, inputs=inputs)


def _source_of_url(text: str) -> Source:
    """Interpret the URL of a file, of a model repository, or of a file of one.

    Raises:
        ValueError: it is another one.
    """
    known = is_url(text)
    if known and (match := _URL.fullmatch(text)):
        return Source(path=match[2], base=match[1])
    if known and (match := _HUB_FILE.fullmatch(text)) and _is_repository(match):
        return Source(path=f"/{match[2]}/resolve/{match[3]}", base=match[1])
    if known and (match := _REPOSITORY.fullmatch(text)) and _is_repository(match):
        name = "/".join(filter(None, (match[2], match[4])))
        return Source(recipe=unquote(f"{name}@{match[3]}" if match[3] else name), base=match[1])
    raise ValueError(
        "the URL of a file holds /v1/weights/ and a token: take it from a plan, or give that of a repository"
    )


def read_input(text: str) -> tuple[bytes, Inputs]:
    """Read a document and the identity of its file; `-` is standard input.

    Raises:
        RefusedError: it is too long.
        DiskError: it cannot be read.
    """
    try:
        with nullcontext(sys.stdin.buffer) if text == "-" else Path(text).open("rb") as file:
            document = file.read(MAX_INPUT_BYTES + 1)
            inputs = []
            with suppress(UnsupportedOperation):  # a stream that is no file
                inputs.append(os.fstat(file.fileno()))
    except OSError as error:
        raise unreadable(Path(text), error) from None
    if len(document) > MAX_INPUT_BYTES:
        raise RefusedError(f"{text} has more than {MAX_INPUT_BYTES:,} bytes: give less at a time")
    return document, inputs


def _is_repository(match: re.Match[str]) -> bool:
    """Whether a URL leads to a repository rather than into an interface of the service."""
    return _INTERFACE.fullmatch(f"{match[1]}/{match[2]}/") is None
