"""What the OpenAPI document says of the Hub's protocol: its errors, parameters and file answers."""

from __future__ import annotations

from typing import Any

from tensorseed.checkpoints.errors import RecipeError, UnknownRepositoryError, UnknownRevisionError
from tensorseed.errors import TooLargeError

from ..http.negotiation import JSON, OCTETS
from ..http.problems import PROBLEMS, ProblemKind
from ..http.routing import Responses, reference
from .errors import CODES, is_hub_path
from .schemas import COMMIT, OID, REPOSITORY, HubError

Parameter = dict[str, Any]

TAG = {"name": "hub", "description": "Model repositories for clients of the Hugging Face Hub, and recipes."}

SNAPSHOT = (UnknownRepositoryError, UnknownRevisionError, RecipeError, TooLargeError)
"""What can go wrong where a snapshot is looked for."""

_PATHS = {
    "repository": ("The repository's id; it may hold one slash.", REPOSITORY),
    "revision": ("A name such as `main`, `seed-42` or `seed=42,dtype=bfloat16`, or a commit.", "seed-42"),
    "path": ("The file's or folder's path; it may hold slashes.", "config.json"),
}
_FLAGS = {
    "recursive": ("Whether to list what lies in folders too.", "true"),
    "expand": ("Whether to tell the commit of every entry.", "true"),
}
_LIST = {
    "search": ("A part of the id, in any case.", "llama"),
    "author": ("The part of the id before its slash.", "tensorseed"),
    "filter": ("A tag that the model must have; given more than once, all of them.", "text-generation"),
    "pipeline_tag": ("What the model is for.", "text-generation"),
    "gated": ("true for gated models, of which there are none.", "false"),
}
_PAGES = {
    "limit": ("Most entries of one page.", "100"),
    "cursor": ("Where the page begins, as the Link of the page before says.", "100"),
}
_FIELDS = {
    "X-Repo-Commit": ("The commit that the revision stands for.", COMMIT),
    "ETag": ("A strong entity tag: the file's object id.", f'"{OID}"'),
    "Cache-Control": ("By commit the file never changes; by name it is to be asked for again.", "no-cache"),
    "Accept-Ranges": ("Byte ranges are served.", "bytes"),
    "Content-Length": ("The exact number of bytes.", "543"),
    "Content-Disposition": ("A name to save the file by.", "inline; filename*=UTF-8''config.json"),
    "Content-Range": ("Which bytes these are, of how many.", "bytes 0-99/543"),
}
_KNOWN = ("X-Repo-Commit", "ETag", "Cache-Control")
_CONTENT = ("Accept-Ranges", "Content-Length", "Content-Disposition")


def in_path(*names: str) -> list[Parameter]:
    """The parameters of a path."""
    return [_parameter("path", name, *_PATHS[name]) for name in names]


def flags() -> list[Parameter]:
    """What a listing of files is asked with."""
    return [*(_parameter("query", name, *told) for name, told in _FLAGS.items()), *_pages()]


def filters() -> list[Parameter]:
    """What a listing of models is asked with."""
    return [*(_parameter("query", name, *told) for name, told in _LIST.items()), *_pages()]


def _pages() -> list[Parameter]:
    """Which page of a listing is wanted: two numbers, of which a client writes the first alone."""
    found = [_parameter("query", name, *told) for name, told in _PAGES.items()]
    return [{**one, "schema": {**one["schema"], "pattern": "^[0-9]{1,9}$"}} for one in found]


def hub_files() -> Responses:
    """The documented 200, 206 and 304 of a file."""
    text = {"schema": {"type": "string"}}
    kinds = {OCTETS: {"schema": {"type": "string", "format": "binary"}}, JSON: {"schema": {}}}
    content = {**kinds, "text/plain": text}
    return {
        200: {"description": "The file", "headers": _fields(*_KNOWN, *_CONTENT), "content": content},
        206: {
            "description": "The bytes that Range asked for; several ranges as multipart/byteranges",
            "headers": _fields(*_KNOWN, *_CONTENT, "Content-Range"),
            "content": {**content, JSON: text, "multipart/byteranges": text},
        },
        304: {
            "description": "The client has the file already: If-None-Match names it",
            "headers": _fields(*_KNOWN),
        },
    }


def hub_documented(*kinds: type[Exception]) -> Responses:
    """The `responses` of a route of the Hub's protocol that can answer with these errors."""
    by_status: dict[int | str, list[ProblemKind]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(PROBLEMS[kind].status, []).append(PROBLEMS[kind])
    by_status["default"] = [PROBLEMS[Exception]]
    return {status: _error(problems) for status, problems in by_status.items()}


def complete_hub(document: dict[str, Any]) -> None:
    """Say of HEAD on the Hub's paths that its errors have no content."""
    for path, item in document["paths"].items():
        if is_hub_path(path) and "head" in item:
            for response in item["head"]["responses"].values():
                response.pop("content", None)


def _error(problems: list[ProblemKind]) -> dict[str, Any]:
    examples = {
        problem.name: {"summary": problem.title, "value": {"error": f"{problem.title}."}}
        for problem in problems
    }
    codes = [CODES[problem.name] for problem in problems if problem.name in CODES]
    headers = {"X-Error-Message": ("What happened and what to do.", problems[0].title)}
    if codes:
        headers["X-Error-Code"] = ("Which error it is.", codes[0])
    return {
        "description": "; or: ".join(problem.title for problem in problems),
        "headers": {name: _field(*told) for name, told in headers.items()},
        "content": {JSON: {"schema": reference(HubError), "examples": examples}},
    }


def _fields(*names: str) -> dict[str, Any]:
    return {name: _field(*_FIELDS[name]) for name in names}


def _field(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


def _parameter(place: str, name: str, description: str, example: str) -> Parameter:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }
