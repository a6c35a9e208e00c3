"""Documented parameters and file answers of the Hub's protocol."""

from __future__ import annotations

from typing import Any

from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError, UnknownRevisionError
from tensorseed.errors import TooLargeError

from ..http.negotiation import JSON, OCTETS
from ..http.openapi import BINARY, TEXT, Parameter, Responses, header_fields, parameter
from .schemas import COMMIT, OID, REPOSITORY

SNAPSHOT = (UnknownRepositoryError, UnknownRevisionError, RecipeError, TooLargeError)
"""The errors of a request for a snapshot."""

SHARDED = "tensorseed/tiny-llama-sharded"
PIPELINE = "tensorseed/tiny-stable-diffusion"

_PATHS = {
    "repository": ("The repository's id or alias; it may hold one slash.", REPOSITORY),
    "revision": ("A name such as `main`, `seed-42` or `seed=42,dtype=bfloat16`, or a commit.", "seed-42"),
    "path": ("The file's or folder's path; it may hold slashes.", "config.json"),
}
_FLAGS = {
    "recursive": "Whether to list the content of folders, too.",
    "expand": "Whether to add the commit of every entry.",
}
_LIST = {
    "search": ("A part of the id or of an alias, in any case.", "llama"),
    "author": ("The part of the id or of an alias before its slash.", "tensorseed"),
    "filter": ("A tag that the model must have; given more than once, all of them.", "text-generation"),
    "pipeline_tag": ("The task of the model.", "text-generation"),
}
_PAGES = {
    "limit": ("The most entries of a page; all of them without it.", 100),
    "cursor": ("The start of the page, from the Link of the page before.", 100),
}
_FIELDS = {
    "X-Repo-Commit": ("The commit that the revision stands for.", COMMIT),
    "ETag": ("A strong entity tag: the file's object id.", f'"{OID}"'),
    "Cache-Control": ("By commit the file never changes; by name it must be revalidated.", "no-cache"),
    "Content-Disposition": ("A name to save the file by.", "inline; filename*=UTF-8''config.json"),
    "Content-Range": ("The range of bytes, and their total number.", "bytes 0-99/543"),
}
_KNOWN = ("X-Repo-Commit", "ETag", "Cache-Control")


def in_path(*names: str, **examples: str) -> list[Parameter]:
    """The parameters of a path, with other `examples` than the usual ones."""
    known = {name: (text, examples.get(name, usual)) for name, (text, usual) in _PATHS.items()}
    return [parameter("path", name, *known[name], required=True) for name in names]


def download_parameter() -> Parameter:
    """The query of a file."""
    return _flag("download", "Whether a browser saves the file rather than shows it.")


def listing_parameters() -> list[Parameter]:
    """The query of a listing of files."""
    return [*(_flag(*found) for found in _FLAGS.items()), *_pages()]


def model_parameters() -> list[Parameter]:
    """The query of a repository."""
    return [_flag("blobs", "Whether to add the Git LFS objects of small files of weights.")]


def search_parameters() -> list[Parameter]:
    """The query of a listing of models."""
    texts = [parameter("query", name, *found) for name, found in _LIST.items()]
    gated = parameter(
        "query", "gated", "true for gated models, of which there are none.", False, type="boolean"
    )
    return [*texts, gated, _flag("full", "Whether to add the commit and the files of `main`."), *_pages()]


def file_answers() -> Responses:
    """The documented 200, 206 and 304 of a file."""
    content = {OCTETS: BINARY, JSON: {"schema": {}}, "text/plain": TEXT}
    return {
        200: {
            "x-name": "RepositoryFile",
            "description": "The file",
            "headers": header_fields(_FIELDS, *_KNOWN, "Content-Disposition", of="Repository"),
            "content": content,
        },
        206: {
            "x-name": "RepositoryRange",
            "description": "The requested range; several ranges as multipart/byteranges",
            "headers": header_fields(
                _FIELDS, *_KNOWN, "Content-Disposition", "Content-Range", of="Repository"
            ),
            "content": {**content, JSON: TEXT, "multipart/byteranges": TEXT},
        },
        304: {
            "x-name": "RepositoryNotModified",
            "description": "The client has the file already: If-None-Match names it",
            "headers": header_fields(_FIELDS, *_KNOWN, of="Repository"),
        },
    }


def _flag(name: str, description: str) -> Parameter:
    return parameter("query", name, description, True, type="boolean")


def _pages() -> list[Parameter]:
    """The page of a listing, as two numbers. A client writes the first alone."""
    bounds: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    return [parameter("query", name, *found, **bounds) for name, found in _PAGES.items()]
